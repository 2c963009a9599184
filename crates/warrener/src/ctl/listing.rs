//! `list_*`: what is listed, in which columns.

mod columns;

use serde_json::Value;

use crate::ctl::client::step;
use crate::ctl::line::Line;
use crate::ctl::verb::Verb;
use crate::ctl::{Failure, Said, Shown, vhosts};

use columns::Column;

/// What one verb lists.
struct Listing {
    /// Where; `{vhost}` is the virtual host of the line, `{1}` its first word, and after `#` comes the member that is listed.
    path: &'static str,
    /// The columns there are.
    known: &'static [Column],
    /// Those of them that are shown when none are named.
    usual: &'static [&'static str],
    /// Whether the virtual host of the line has to be there.
    in_vhost: bool,
    /// How many words come before the columns.
    words: usize,
}

macro_rules! listings {
    ($($name:literal $words:literal $banner:literal $what:expr;)*) => {
        pub(super) const VERBS: &[Verb] = &[$(
            Verb::new($name, $words, |line| $what.list(line))
                .saying(|line| said(line, $banner))
                .with_headers(!matches!($name.as_bytes(), b"list_user_topic_permissions")),
        )*];
    };
}

listings! {
    "list_queues" "[<column> ...]" "{timeout}Listing queues for vhost {vhost} ..." Listing {
        path: "/api/queues/{vhost}", known: columns::QUEUE, usual: &["name", "messages"], in_vhost: false, words: 0,
    };
    "list_exchanges" "[<column> ...]" "Listing exchanges for vhost {vhost} ..." Listing {
        path: "/api/exchanges/{vhost}", known: columns::EXCHANGE, usual: &["name", "type"], in_vhost: true, words: 0,
    };
    "list_bindings" "[<column> ...]" "Listing bindings for vhost {vhost}..." Listing {
        path: "/api/bindings/{vhost}", known: columns::BINDING,
        usual: &["source_name", "source_kind", "destination_name", "destination_kind", "routing_key", "arguments"],
        in_vhost: true, words: 0,
    };
    "list_connections" "[<column> ...]" "Listing connections ..." Listing {
        path: "/api/connections", known: columns::CONNECTION,
        usual: &["user", "peer_host", "peer_port", "state"], in_vhost: false, words: 0,
    };
    "list_channels" "[<column> ...]" "Listing channels ..." Listing {
        path: "/api/channels", known: columns::CHANNEL,
        usual: &["pid", "user", "consumer_count", "messages_unacknowledged"], in_vhost: false, words: 0,
    };
    "list_consumers" "[<column> ...]" "Listing consumers in vhost {vhost} ..." Listing {
        path: "/api/consumers/{vhost}", known: columns::CONSUMER,
        usual: &["queue_name", "channel_pid", "consumer_tag", "ack_required", "prefetch_count", "active", "arguments"],
        in_vhost: true, words: 0,
    };
    "list_vhosts" "[<column> ...]" "Listing vhosts ..." Listing {
        path: "/api/vhosts", known: columns::VHOST, usual: &["name"], in_vhost: false, words: 0,
    };
    "list_users" "" "Listing users ..." Listing {
        path: "/api/users", known: columns::USER, usual: &["user", "tags"], in_vhost: false, words: 0,
    };
    "list_permissions" "" "Listing permissions for vhost \"{vhost}\" ..." Listing {
        path: "/api/vhosts/{vhost}/permissions", known: columns::PERMISSION,
        usual: &["user", "configure", "write", "read"], in_vhost: true, words: 0,
    };
    "list_user_permissions" "<username>" "Listing permissions for user \"{1}\" ..." Listing {
        path: "/api/users/{1}/permissions", known: columns::PERMISSION,
        usual: &["vhost", "configure", "write", "read"], in_vhost: false, words: 1,
    };
    "list_topic_permissions" "" "Listing topic permissions for vhost \"{vhost}\" ..." Listing {
        path: "/api/vhosts/{vhost}/topic-permissions", known: columns::PERMISSION,
        usual: &["user", "exchange", "write", "read"], in_vhost: true, words: 0,
    };
    "list_user_topic_permissions" "<username>" "Listing topic permissions for user \"{1}\" ..." Listing {
        path: "/api/users/{1}/topic-permissions", known: columns::PERMISSION,
        usual: &["vhost", "exchange", "write", "read"], in_vhost: false, words: 1,
    };
    "list_policies" "" "Listing policies for vhost \"{vhost}\" ..." Listing {
        path: "/api/policies/{vhost}", known: columns::POLICY, usual: columns::ALL_OF_POLICY, in_vhost: true, words: 0,
    };
    "list_operator_policies" "" "Listing operator policy overrides for vhost \"{vhost}\" ..." Listing {
        path: "/api/operator-policies/{vhost}", known: columns::POLICY, usual: columns::ALL_OF_POLICY, in_vhost: true, words: 0,
    };
    "list_parameters" "" "Listing runtime parameters for vhost \"{vhost}\" ..." Listing {
        path: "/api/parameters", known: columns::PARAMETER, usual: &["component", "name", "value"], in_vhost: true, words: 0,
    };
    "list_global_parameters" "" "Listing global runtime parameters ..." Listing {
        path: "/api/global-parameters", known: columns::PARAMETER, usual: &["name", "value"], in_vhost: false, words: 0,
    };
    "list_feature_flags" "[<column> ...]" "Listing feature flags ..." Listing {
        path: "/api/feature-flags", known: columns::FEATURE_FLAG, usual: &["name", "state"], in_vhost: false, words: 0,
    };
    "list_deprecated_features" "[<column> ...]" "Listing deprecated features ..." Listing {
        path: "/api/deprecated-features", known: columns::FEATURE_FLAG, usual: &["name", "state"], in_vhost: false, words: 0,
    };
}

/// A banner, with what the line says in it.
fn said(line: &Line, banner: &str) -> String {
    let seconds = line.timeout.map_or(60, |timeout| timeout.as_secs());
    banner
        .replace("{timeout}", &format!("Timeout: {seconds}.0 seconds ...\n"))
        .replace("{1}", line.word(0))
        .replace("{vhost}", &line.vhost)
}

impl Listing {
    fn list(&self, line: &Line) -> Said {
        let columns = self.columns(line)?;
        if self.in_vhost {
            vhosts::exists(line)?;
        }
        let path = self.path.replace("{vhost}", &step(&line.vhost));
        let path = path.replace("{1}", &step(line.word(0)));
        let answer = line.client.ask("GET", &path, None)?;
        match answer.status {
            200 => {}
            404 if self.words > 0 => {
                return Err(Failure::unavailable(format!(
                    "{{:no_such_user, \"{}\"}}",
                    line.word(0)
                )));
            }
            // A virtual host that is not there has nothing in it (RabbitMQ).
            404 => {}
            _ => return Err(answer.failure()),
        }
        let rows = answer.value.as_array().into_iter().flatten();
        // Parameters are listed for all virtual hosts at once.
        let is_here = |row: &&Value| {
            !self.in_vhost || row.get("vhost").is_none_or(|vhost| *vhost == *line.vhost)
        };
        let rows = rows.filter(is_here);
        let rows = rows.map(|row| columns.iter().map(|column| column.of(row)).collect()).collect();
        let columns = columns.iter().map(|column| column.name.to_owned()).collect();
        Ok(Shown::Rows { columns, rows })
    }

    /// The columns that the line names, or else the usual ones.
    fn columns(&self, line: &Line) -> Result<Vec<&'static Column>, Failure> {
        let find = |name: &str| self.known.iter().find(|column| column.name == name);
        // Commas may stand between them, too.
        let named: Vec<&str> =
            line.words.iter().skip(self.words).flat_map(|word| word.split(',')).collect();
        let bad: Vec<&str> = named.iter().copied().filter(|name| find(name).is_none()).collect();
        if !bad.is_empty() {
            let all: Vec<&str> = self.known.iter().map(|column| column.name).collect();
            return Err(Failure::usage(format!(
                "Info key(s) {} are not supported\nSupported are: {}",
                bad.join(","),
                all.join(", ")
            )));
        }
        let names = if named.is_empty() { self.usual } else { &named };
        Ok(names.iter().filter_map(|name| find(name)).collect())
    }
}
