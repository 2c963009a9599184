#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;

mod address;
mod alarm;
mod amqp091;
mod arguments;
mod at_least_once;
mod attached;
mod base64;
mod bind;
mod bring;
mod broker;
mod command;
mod commit_digest;
mod config;
mod dead_letter;
mod declare;
mod definitions;
mod delayed_message;
mod depart;
mod difference;
mod digest;
mod effect;
mod effort;
mod ending;
mod event_exchange;
mod exchange;
mod exchange_kind;
mod fan_out;
mod fields;
mod firehose;
mod generator;
mod header;
mod held;
mod id;
mod input;
mod job;
mod json;
mod keeper;
mod latency;
mod lean;
mod limit;
mod mark;
mod message;
mod names;
mod pages;
mod paging;
mod pass;
mod pattern;
mod permission;
mod policy;
mod publish;
mod realm;
mod recent_history;
mod record;
mod recovery;
mod refusal;
mod report;
mod resource;
mod restore;
mod setting;
mod settle;
mod shelf;
mod slab;
mod spread;
mod stats;
mod sync;
mod transaction;
mod user;
mod value;
mod vhost;
mod view;
mod warning;

#[doc(hidden)]
pub mod fuzzing;

pub use crate::address::Address;
pub use crate::alarm::Alarm;
pub use crate::bring::LoadedRecord;
pub use crate::broker::{Broker, Timer};
pub use crate::command::{
    Command, CommandError, CommandId, Imported, Outcome, Problem, Reconfiguration,
};
pub use crate::config::{Config, EFFECTS_PER_TURN, Limits, RABBITMQ_VERSION, VISITS_PER_TURN};
pub use crate::definitions::{
    BindingDefinition, Definitions, DefinitionsError, ExchangeDefinition,
    GlobalParameterDefinition, ParameterDefinition, PermissionDefinition, PolicyDefinition,
    QueueDefinition, TopicPermissionDefinition, UserDefinition, VhostDefinition,
};
pub use crate::digest::RECORDS_VERSION;
pub use crate::effect::{Confirm, Deliver, Effect, GetOk, Return};
pub use crate::generator::Seed;
pub use crate::id::{ConnectionId, RecordId};
pub use crate::input::{Capabilities, ClosedBy, Connected, Input, Said};
pub use crate::json::{Json, Object};
pub use crate::latency::Waits;
pub use crate::limit::{UserLimits, VhostLimits};
pub use crate::pattern::{Pattern, PatternError, Verdict};
pub use crate::permission::{Permission, TopicPermission};
pub use crate::record::{After, Record, RecordError};
pub use crate::recovery::RecoveryError;
pub use crate::refusal::{Difference, Given, Kind, Reason, Refusal, Resource, Right};
pub use crate::stats::{
    ChannelTraffic, Churn, Deaths, DeathsBy, Passage, SIZE_BOUNDS, Sizes, Stats, Traffic,
};
pub use crate::sync::{Progress, Sync, Syncs};
pub use crate::user::{PasswordHash, User};
pub use crate::view::{
    BindingView, ChannelView, ConnectionView, ConsumerView, Cursor, End, ExchangeView, QueueView,
    Slice, Totals, View,
};
pub use crate::warning::Warning;
pub use warrener_queue::Counts;
