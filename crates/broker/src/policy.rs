//! Policies: what operators say about queues and exchanges by patterns of their names (RabbitMQ extension).
//!
//! A queue has at most one policy and one operator policy at a time: of those whose pattern is found in its name, and
//! which say nothing that its type does not know, the one of the highest priority.

mod terms;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cmp::Reverse;

use warrener_codec::ShortStr;

use crate::arguments::QueueKind;
use crate::command::CommandError;
use crate::definitions::PolicyDefinition;
use crate::pattern::{Pattern, Verdict};
pub(crate) use crate::policy::terms::{Terms, erlang};

/// What a policy is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ApplyTo {
    All,
    Queues,
    ClassicQueues,
    QuorumQueues,
    /// There are none here.
    Streams,
    Exchanges,
}

impl ApplyTo {
    fn parse(text: &str) -> Result<Self, CommandError> {
        Ok(match text {
            "all" => Self::All,
            "queues" => Self::Queues,
            "classic_queues" => Self::ClassicQueues,
            "quorum_queues" => Self::QuorumQueues,
            "streams" => Self::Streams,
            "exchanges" => Self::Exchanges,
            other => {
                return Err(CommandError::invalid(alloc::format!(
                    "apply-to '{other}' unrecognised; should be one of: 'queues', 'classic_queues',  \
                     'quorum_queues', 'streams', 'exchanges', or 'all'\n"
                )));
            }
        })
    }

    const fn covers(self, subject: Subject) -> bool {
        matches!(
            (self, subject),
            (Self::All, _)
                | (Self::Queues, Subject::Queue(_))
                | (Self::ClassicQueues, Subject::Queue(QueueKind::Classic))
                | (Self::QuorumQueues, Subject::Queue(QueueKind::Quorum))
                | (Self::Exchanges, Subject::Exchange)
        )
    }
}

/// What a policy may apply to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Subject {
    Queue(QueueKind),
    Exchange,
}

/// Who speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    User,
    Operator,
}

impl Level {
    /// The component of runtime parameters that such policies are.
    pub(crate) const fn component(self) -> &'static str {
        match self {
            Self::User => "policy",
            Self::Operator => "operator_policy",
        }
    }
}

/// A policy that was understood.
#[derive(Debug)]
pub(crate) struct Policy {
    pub(crate) name: ShortStr,
    pub(crate) terms: Terms,
    pattern: Pattern,
    apply_to: ApplyTo,
    priority: i64,
}

impl Policy {
    pub(crate) fn parse(definition: &PolicyDefinition, level: Level) -> Result<Self, CommandError> {
        let pattern = Pattern::compile(&definition.pattern).map_err(|error| {
            CommandError::invalid(alloc::format!(
                "pattern should be regular expression but is invalid: {}\n",
                error.explanation
            ))
        })?;
        Ok(Self {
            name: definition.name.clone(),
            terms: Terms::parse(&definition.definition, level)?,
            pattern,
            apply_to: ApplyTo::parse(&definition.apply_to)?,
            priority: definition.priority,
        })
    }
}

/// The policies of one virtual host, of one level.
#[derive(Debug, Default)]
pub(crate) struct Policies {
    /// The highest priority first, and by name.
    ordered: Vec<Arc<Policy>>,
}

/// Which policy applies, and what it took to find out.
#[derive(Debug, Default)]
pub(crate) struct Found {
    pub(crate) policy: Option<Arc<Policy>>,
    pub(crate) steps: u32,
    /// A policy whose pattern gave up.
    pub(crate) gave_up: Option<Arc<Policy>>,
}

/// How many steps all patterns of one level may take with one name. Policies whose turn would come later do not apply to it.
const STEPS: u32 = 400_000;

/// How many steps it takes to look at a policy.
const STEPS_A_POLICY: u32 = 4;

impl Policies {
    pub(crate) fn set(&mut self, policy: Policy) {
        self.remove(&policy.name);
        let rank = |policy: &Policy| (Reverse(policy.priority), policy.name.clone());
        let place = self.ordered.partition_point(|other| rank(other) < rank(&policy));
        self.ordered.insert(place, Arc::new(policy));
    }

    pub(crate) fn remove(&mut self, name: &ShortStr) {
        self.ordered.retain(|policy| policy.name != *name);
    }

    pub(crate) const fn is_empty(&self) -> bool {
        self.ordered.is_empty()
    }

    /// The policy for a queue or exchange of this name.
    pub(crate) fn find(&self, subject: Subject, name: &[u8]) -> Found {
        let mut found = Found::default();
        for policy in &self.ordered {
            found.steps += STEPS_A_POLICY;
            if !policy.apply_to.covers(subject) || !policy.terms.suit(subject) {
                continue;
            }
            // However many there are, a name costs no more than a few of the worst patterns do.
            if found.steps >= STEPS {
                found.gave_up = Some(policy.clone());
                return found;
            }
            let (verdict, steps) = policy.pattern.test_counting(name);
            found.steps = found.steps.saturating_add(steps);
            match verdict {
                Verdict::Matches => {
                    found.policy = Some(policy.clone());
                    return found;
                }
                Verdict::Differs => {}
                Verdict::GaveUp => found.gave_up = Some(policy.clone()),
            }
        }
        found
    }
}

impl Policy {
    /// Its pattern, as it was written.
    pub(crate) fn pattern(&self) -> Box<str> {
        self.pattern.as_str().into()
    }
}

/// What applies to one queue or exchange.
#[derive(Clone, Debug, Default)]
pub(crate) struct Applied {
    pub(crate) user: Option<Arc<Policy>>,
    pub(crate) operator: Option<Arc<Policy>>,
}

impl Applied {
    /// What both say together.
    pub(crate) fn terms(&self) -> Option<Terms> {
        match (&self.user, &self.operator) {
            (None, None) => None,
            (Some(policy), None) | (None, Some(policy)) => Some(policy.terms.clone()),
            (Some(user), Some(operator)) => Some(user.terms.limited_by(&operator.terms)),
        }
    }

    /// Whether it is made of the same policies.
    pub(crate) fn is(&self, other: &Self) -> bool {
        let same = |left: &Option<Arc<Policy>>, right: &Option<Arc<Policy>>| match (left, right) {
            (None, None) => true,
            (Some(left), Some(right)) => Arc::ptr_eq(left, right),
            _ => false,
        };
        same(&self.user, &other.user) && same(&self.operator, &other.operator)
    }
}
