//! Every route: method, path, what it asks of its user, and who answers. This is also what the OpenAPI description and the
//! test of rights go by.

use crate::api::{Answered, decoded};
use crate::call::Call;
use crate::reply::Failure;
use crate::right::Right;
use crate::{
    about, bindings, channels, connections, consumers, definitions, exchanges, health, limit,
    messages, metrics, nodes, openapi, overview, parameters, permissions, policies, queues, users,
    vhosts,
};

/// One route.
pub(crate) struct Route {
    pub(crate) method: &'static str,
    /// Steps in braces are places.
    pub(crate) path: &'static str,
    pub(crate) right: Right,
    /// Whether the virtual host that the path names must be there.
    pub(crate) needs_vhost: bool,
    /// What it does, in a few words.
    pub(crate) summary: &'static str,
    pub(crate) run: fn(Call) -> Answered,
}

macro_rules! routes {
    ($($method:ident $path:literal $right:ident $run:path, $summary:literal;)*) => {
        &[$(Route {
            method: stringify!($method),
            path: $path,
            right: Right::$right,
            needs_vhost: needs_vhost($path),
            summary: $summary,
            run: |call| Box::pin($run(call)),
        }),*]
    };
}

/// All of them; of two that fit a path, the first counts.
pub(crate) const ROUTES: &[Route] = routes! {
    GET "/api/overview" Management overview::overview, "What the broker is and how much is in it";
    GET "/api/whoami" Management about::whoami, "Who asks";
    GET "/api/version" Nothing about::version, "The version";
    GET "/api/cluster-name" Management about::cluster_name, "The cluster's name";
    PUT "/api/cluster-name" Administrator about::set_cluster_name, "Sets the cluster's name";
    GET "/api/extensions" Management about::extensions, "Extensions of the page";
    GET "/api/auth/attempts/{node}" Monitoring about::none, "Logins tried";
    GET "/api/feature-flags" Management about::feature_flags, "Feature flags";
    PUT "/api/feature-flags/{name}/enable" Administrator about::enable_feature_flag, "Enables a feature flag";
    GET "/api/deprecated-features" Management about::none, "Deprecated features";
    GET "/api/deprecated-features/used" Management about::none, "Deprecated features in use";
    GET "/api/federation-links" Monitoring about::none, "Federation links";
    GET "/api/federation-links/{vhost}" Monitoring about::none, "Federation links of a virtual host";
    GET "/api/openapi.json" Nothing openapi::openapi, "This description";
    GET "/api/nodes" Monitoring nodes::list, "The node, as a list of one";
    GET "/api/nodes/{node}" Monitoring nodes::one, "The node";
    GET "/api/nodes/{node}/memory" Monitoring nodes::memory, "What memory is used for";
    GET "/api/definitions" Administrator definitions::export, "Exports all definitions";
    POST "/api/definitions" Administrator definitions::import, "Imports definitions";
    GET "/api/definitions/{vhost}" Administrator definitions::export, "Exports the definitions of a virtual host";
    POST "/api/definitions/{vhost}" Administrator definitions::import, "Imports definitions into a virtual host";
    GET "/api/all-configuration" Administrator definitions::export, "Exports all definitions";
    GET "/api/vhosts" Management vhosts::list, "Virtual hosts";
    GET "/api/vhosts/{vhost}" Administrator vhosts::one, "A virtual host";
    PUT "/api/vhosts/{vhost}" Administrator vhosts::put, "Makes or changes a virtual host";
    DELETE "/api/vhosts/{vhost}" Administrator vhosts::delete, "Deletes a virtual host";
    POST "/api/vhosts/{vhost}/start/{node}" Administrator vhosts::start, "Starts a virtual host";
    GET "/api/vhosts/{vhost}/permissions" Administrator permissions::of_vhost, "Permissions in a virtual host";
    GET "/api/vhosts/{vhost}/topic-permissions" Administrator permissions::topic_of_vhost, "Topic permissions in a virtual host";
    GET "/api/vhosts/{vhost}/connections" Vhost connections::of_vhost, "Connections to a virtual host";
    GET "/api/vhosts/{vhost}/channels" Vhost channels::of_vhost, "Channels in a virtual host";
    POST "/api/vhosts/{vhost}/deletion/protection" Administrator vhosts::protect, "Protects a virtual host from deletion";
    DELETE "/api/vhosts/{vhost}/deletion/protection" Administrator vhosts::unprotect, "Lifts that protection";
    GET "/api/users" Administrator users::list, "Users";
    GET "/api/users/without-permissions" Administrator users::without_permissions, "Users who may do nothing";
    POST "/api/users/bulk-delete" Administrator users::bulk_delete, "Deletes several users";
    GET "/api/users/{user}" Administrator users::one, "A user";
    PUT "/api/users/{user}" Administrator users::put, "Makes or changes a user";
    DELETE "/api/users/{user}" Administrator users::delete, "Deletes a user";
    GET "/api/users/{user}/permissions" Administrator permissions::of_user, "Permissions of a user";
    GET "/api/users/{user}/topic-permissions" Administrator permissions::topic_of_user, "Topic permissions of a user";
    GET "/api/user-limits" Administrator limit::of_users, "Limits of users";
    GET "/api/user-limits/{user}" Monitoring limit::of_user, "Limits of a user";
    PUT "/api/user-limits/{user}/{limit}" Administrator limit::set_user, "Sets a limit of a user";
    DELETE "/api/user-limits/{user}/{limit}" Administrator limit::clear_user, "Clears a limit of a user";
    GET "/api/permissions" Administrator permissions::list, "Permissions";
    GET "/api/permissions/{vhost}/{user}" Administrator permissions::one, "What a user may do in a virtual host";
    PUT "/api/permissions/{vhost}/{user}" Administrator permissions::put, "Sets what a user may do in a virtual host";
    DELETE "/api/permissions/{vhost}/{user}" Administrator permissions::delete, "Takes that away";
    GET "/api/topic-permissions" Administrator permissions::list_topic, "Topic permissions";
    GET "/api/topic-permissions/{vhost}/{user}" Administrator permissions::one_topic, "Topic permissions of a user in a virtual host";
    PUT "/api/topic-permissions/{vhost}/{user}" Administrator permissions::put_topic, "Sets a topic permission";
    DELETE "/api/topic-permissions/{vhost}/{user}" Administrator permissions::delete_topic, "Lifts topic permissions";
    GET "/api/parameters" Policymaker parameters::list, "Runtime parameters";
    GET "/api/parameters/{component}" Policymaker parameters::list, "Runtime parameters of a component";
    GET "/api/parameters/{component}/{vhost}" Policymaker parameters::list, "The same in a virtual host";
    GET "/api/parameters/{component}/{vhost}/{name}" Policymaker parameters::one, "A runtime parameter";
    PUT "/api/parameters/{component}/{vhost}/{name}" Policymaker parameters::put, "Sets a runtime parameter";
    DELETE "/api/parameters/{component}/{vhost}/{name}" Policymaker parameters::delete, "Clears a runtime parameter";
    GET "/api/global-parameters" Policymaker parameters::list_global, "Global parameters";
    GET "/api/global-parameters/{name}" Policymaker parameters::one_global, "A global parameter";
    PUT "/api/global-parameters/{name}" Policymaker parameters::put_global, "Sets a global parameter";
    DELETE "/api/global-parameters/{name}" Policymaker parameters::delete_global, "Clears a global parameter";
    GET "/api/policies" Management policies::list, "Policies";
    GET "/api/policies/{vhost}" Vhost policies::list, "Policies of a virtual host";
    GET "/api/policies/{vhost}/{name}" Policymaker policies::one, "A policy";
    PUT "/api/policies/{vhost}/{name}" Policymaker policies::put, "Sets a policy";
    DELETE "/api/policies/{vhost}/{name}" Policymaker policies::delete, "Clears a policy";
    GET "/api/operator-policies" Management policies::list_operator, "Operator policies";
    GET "/api/operator-policies/{vhost}" Vhost policies::list_operator, "Operator policies of a virtual host";
    GET "/api/operator-policies/{vhost}/{name}" Administrator policies::one_operator, "An operator policy";
    PUT "/api/operator-policies/{vhost}/{name}" Administrator policies::put_operator, "Sets an operator policy";
    DELETE "/api/operator-policies/{vhost}/{name}" Administrator policies::delete_operator, "Clears an operator policy";
    GET "/api/vhost-limits" Management limit::of_vhosts, "Limits of virtual hosts";
    GET "/api/vhost-limits/{vhost}" VhostSeen limit::of_vhosts, "Limits of a virtual host";
    PUT "/api/vhost-limits/{vhost}/{limit}" Administrator limit::set_vhost, "Sets a limit of a virtual host";
    DELETE "/api/vhost-limits/{vhost}/{limit}" Administrator limit::clear_vhost, "Clears a limit of a virtual host";
    GET "/api/exchanges" Management exchanges::list, "Exchanges";
    GET "/api/exchanges/{vhost}" Vhost exchanges::list, "Exchanges of a virtual host";
    GET "/api/exchanges/{vhost}/{name}" Vhost exchanges::one, "An exchange";
    PUT "/api/exchanges/{vhost}/{name}" Vhost exchanges::put, "Declares an exchange";
    DELETE "/api/exchanges/{vhost}/{name}" Vhost exchanges::delete, "Deletes an exchange";
    POST "/api/exchanges/{vhost}/{name}/publish" Vhost messages::publish, "Publishes a message";
    GET "/api/exchanges/{vhost}/{name}/bindings/source" Vhost bindings::from_exchange, "Bindings from an exchange";
    GET "/api/exchanges/{vhost}/{name}/bindings/destination" Vhost bindings::to_exchange, "Bindings to an exchange";
    GET "/api/queues" Management queues::list, "Queues";
    GET "/api/queues/detailed" Management queues::list, "Queues with all that is known of them";
    GET "/api/queues/{vhost}" Vhost queues::list, "Queues of a virtual host";
    GET "/api/queues/{vhost}/{name}" Vhost queues::one, "A queue";
    PUT "/api/queues/{vhost}/{name}" Vhost queues::put, "Declares a queue";
    DELETE "/api/queues/{vhost}/{name}" Vhost queues::delete, "Deletes a queue";
    DELETE "/api/queues/{vhost}/{name}/contents" Vhost queues::purge, "Removes the messages that wait in a queue";
    POST "/api/queues/{vhost}/{name}/get" Vhost messages::get, "Gets messages";
    POST "/api/queues/{vhost}/{name}/actions" Vhost queues::act, "Does something with a queue";
    GET "/api/queues/{vhost}/{name}/bindings" Vhost bindings::to_queue, "Bindings to a queue";
    GET "/api/bindings" Management bindings::list, "Bindings";
    GET "/api/bindings/{vhost}" Vhost bindings::list, "Bindings of a virtual host";
    GET "/api/bindings/{vhost}/e/{source}/{kind}/{destination}" Vhost bindings::between, "Bindings between two";
    POST "/api/bindings/{vhost}/e/{source}/{kind}/{destination}" Vhost bindings::post, "Binds";
    GET "/api/bindings/{vhost}/e/{source}/{kind}/{destination}/{key}" Vhost bindings::one, "A binding";
    DELETE "/api/bindings/{vhost}/e/{source}/{kind}/{destination}/{key}" Vhost bindings::delete, "Unbinds";
    GET "/api/connections" Management connections::list, "Connections";
    GET "/api/connections/username/{user}" Management connections::of_user, "Connections of a user";
    DELETE "/api/connections/username/{user}" Management connections::close_of_user, "Closes the connections of a user";
    GET "/api/connections/{name}" Management connections::one, "A connection";
    DELETE "/api/connections/{name}" Management connections::close, "Closes a connection";
    GET "/api/connections/{name}/channels" Management channels::of_connection, "Channels of a connection";
    GET "/api/connections/{name}/sessions" Management about::none, "Sessions of a connection of AMQP 1.0";
    GET "/api/channels" Management channels::list, "Channels";
    GET "/api/channels/{name}" Management channels::one, "A channel";
    GET "/api/consumers" Management consumers::list, "Consumers";
    GET "/api/consumers/{vhost}" VhostSeen consumers::list, "Consumers in a virtual host";
    GET "/api/health/checks/alarms" Management health::alarms, "Whether any alarm is on";
    GET "/api/health/checks/local-alarms" Management health::alarms, "Whether any alarm is on";
    GET "/api/health/checks/port-listener/{port}" Management health::port, "Whether something listens on a port";
    GET "/api/health/checks/protocol-listener/{protocol}" Management health::protocol, "Whether something listens for a protocol";
    GET "/api/health/checks/virtual-hosts" Management health::well, "Whether all virtual hosts run";
    GET "/api/health/checks/certificate-expiration/{within}/{unit}" Management health::certificates, "Whether a certificate ends soon";
    GET "/api/health/checks/node-is-mirror-sync-critical" Management health::well, "Always well: one node";
    GET "/api/health/checks/node-is-quorum-critical" Management health::well, "Always well: one node";
    GET "/api/health/checks/is-in-service" Management health::well, "Whether the node serves";
    GET "/api/health/checks/ready-to-serve-clients" Management health::well, "Whether clients may come";
    GET "/api/health/checks/reached-target-cluster-size" Management health::well, "Always well: one node";
    GET "/api/health/checks/below-node-connection-limit" Management health::well, "Whether more connections may come";
    GET "/api/health/checks/metadata-store/initialized" Management health::well, "Whether definitions were read back";
    GET "/api/health/checks/metadata-store/initialized/with-data" Management health::well, "Whether there are any";
    GET "/api/health/checks/quorum-queues-without-elected-leaders/all-vhosts" Management health::well, "Always well: one node";
    GET "/api/health/checks/quorum-queues-without-elected-leaders/vhost/{vhost}" Management health::well, "Always well: one node";
    GET "/api/healthchecks/node" Management health::well, "Whether the node is well";
    GET "/api/healthchecks/node/{node}" Management health::well, "Whether the node is well";
    GET "/api/aliveness-test/{vhost}" Vhost health::alive, "Whether a virtual host takes and gives a message";
    POST "/api/rebalance/queues" Administrator about::done, "Nothing to balance on one node";
    GET "/metrics" Monitoring metrics::aggregated, "Metrics for Prometheus, added up";
    GET "/metrics/per-object" Monitoring metrics::per_object, "Metrics of each queue";
    GET "/metrics/detailed" Monitoring metrics::detailed, "Metrics of chosen families";
};

/// A list of what a virtual host has needs it to be there; what is about the host itself says so itself.
const fn needs_vhost(path: &str) -> bool {
    let path = path.as_bytes();
    let own = b"/api/vhosts/";
    let mut at = 0;
    while at < own.len() && at < path.len() && path[at] == own[at] {
        at += 1;
    }
    at < own.len()
}

/// What a path has in a route's places, by name.
pub(crate) type Places = Vec<(&'static str, String)>;

/// The route for a method and a path, and what is in the path's places.
pub(crate) fn find(method: &str, path: &str) -> Result<(&'static Route, Places), Failure> {
    let path = path.strip_suffix('/').filter(|path| !path.is_empty()).unwrap_or(path);
    let mut allowed = Vec::new();
    for route in ROUTES {
        if let Some(places) = places(route.path, path) {
            if route.method == method {
                return Ok((route, places));
            }
            if allowed.is_empty() || allowed.iter().all(|other| *other != route.method) {
                allowed.push(route.method);
            }
        }
    }
    if allowed.is_empty() {
        Err(Failure::Missing)
    } else {
        Err(Failure::Method(allowed.join(", ")))
    }
}

fn places(pattern: &'static str, path: &str) -> Option<Places> {
    let mut places = Vec::new();
    let mut steps = path.split('/');
    for wanted in pattern.split('/') {
        let step = steps.next()?;
        match wanted.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => places.push((name, decoded(step, false)?)),
            None if wanted == step => {}
            None => return None,
        }
    }
    steps.next().is_none().then_some(places)
}
