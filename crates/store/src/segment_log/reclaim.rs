//! Giving space back, the cheap side: which segments are worth it, and what changes when they are gone.
//!
//! A sealed segment is worth it when less than a quarter of it is needed. Neighbours in the order of the log go into one
//! new segment, which takes their place in that order, so ids stay sorted and a replay stays in order. Short segments,
//! as restarts leave them, are put together when there are several side by side.

use super::SegmentLog;
use super::commit::Failure;
use super::index::{Bits, Line, Segment};
use super::recovery::Found;
use super::rewrite::{Input, Others, Outcome, Output, Rewrite, Rewritten, Stopped};
use crate::disk::Disk;
use crate::format::{SegmentHeader, SegmentName};
use crate::log::{LogEvent, RecordId};
use std::sync::Arc;

/// So many short segments side by side are put together.
pub(super) const SHORT_RUN: usize = 4;
/// A segment shorter than this part of the configured length is short.
pub(super) const SHORT_PART: u64 = 8;
/// No more segments than this at once.
const RUN_MAX: usize = 256;

/// When a segment was looked at last: it makes no sense to look again before something has changed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Look {
    removals: u64,
    live_bytes: u64,
    /// What would have taken its place did not fit on the disk.
    pub(super) no_room: bool,
}

impl<F> Segment<F> {
    fn is_wasteful(&self, removals: u64) -> bool {
        let due = self.looked_at.is_none_or(|look| {
            look.removals < removals || self.live_bytes < look.live_bytes / 2 + look.live_bytes % 2
        });
        due && self.live_bytes * 4 < self.bytes
    }

    /// Whether it can be put together with its neighbours for being short. Where there was no room for what would take
    /// their place, there is none until something has been given back: tried at once, it would be tried for ever.
    fn is_short(&self, segment_bytes: u32, removals: u64) -> bool {
        let fits = self.looked_at.is_none_or(|look| !look.no_room || look.removals < removals);
        fits && self.bytes < u64::from(segment_bytes) / SHORT_PART
    }
}

impl<D: Disk> SegmentLog<D> {
    /// Whether the segment being written holds so little of use that it should be sealed and given back: nothing, or, when
    /// the log is at rest or the disk is full, less than a quarter. While records come and go, what is left of them goes
    /// soon by itself, and need not be written a second time.
    pub(super) fn is_active_wasteful(&self) -> bool {
        let active = self.index.segments.values().next_back().filter(|last| last.trailer.is_none());
        let most = if self.at_rest || self.full { 4 } else { u64::MAX };
        active.is_some_and(|active| {
            active.bytes * SHORT_PART >= u64::from(self.config.segment_bytes)
                && active.live_bytes.saturating_mul(most) < active.bytes
        })
    }

    pub(super) fn poll_rewrite(&mut self) -> Option<Rewrite<D>> {
        if !core::mem::take(&mut self.index.changed) {
            return None;
        }
        let run = self.next_run()?;
        // There may be more.
        self.index.changed = true;
        let inputs: Vec<_> = run.iter().map(|number| self.input(*number)).collect();
        let first = inputs.first()?.found.header.name;
        let name = SegmentName { number: first.number, generation: first.generation + 1 };
        let header = SegmentHeader::new(name, self.epoch, self.config.seed);
        let kept = |segment: &&Segment<D::File>| {
            segment.trailer.is_some() && !run.contains(&segment.name.number)
        };
        let kept = || self.index.segments.values().filter(kept);
        let manifest = self.manifest(&run);
        let elsewhere = |id: &RecordId| {
            self.index.fragmented[id].pieces.iter().any(|piece| !run.contains(&piece.segment))
        };
        let others = Others {
            lines: kept().map(|s| s.lines.clone()).filter(|lines| !lines.is_empty()).collect(),
            fragmented: self.index.fragmented.keys().filter(|id| elsewhere(id)).copied().collect(),
        };
        // What is kept would be missing where there is no room, and is of no use where nothing comes.
        let keeps = !self.full && !self.at_rest;
        let spare_bytes = if keeps { self.spares.ask(&self.config) } else { None };
        Some(Rewrite { disk: self.disk.clone(), inputs, header, manifest, others, spare_bytes })
    }

    /// The next neighbours to be given back together.
    fn next_run(&self) -> Option<Vec<u64>> {
        let mut run = Vec::new();
        let (mut wasteful, mut live_bytes) = (false, 0);
        // While the disk is full, first what needs no room.
        let dead = |segment: &Segment<D::File>| {
            segment.live_bytes == 0 && segment.is_wasteful(self.removals)
        };
        let only_dead = self.full && self.index.segments.values().any(dead);
        for (&number, segment) in &self.index.segments {
            let waste = segment.is_wasteful(self.removals) && (!only_dead || dead(segment));
            let fits = live_bytes + segment.live_bytes <= u64::from(self.config.segment_bytes);
            let joins = segment.trailer.is_some()
                && (waste
                    || (segment.is_short(self.config.segment_bytes, self.removals) && !only_dead))
                && !segment.damaged;
            if joins && fits && run.len() < RUN_MAX {
                run.push(number);
                wasteful |= waste;
                live_bytes += segment.live_bytes;
                continue;
            }
            if wasteful || run.len() >= SHORT_RUN {
                break;
            }
            run.clear();
            (wasteful, live_bytes) = (false, 0);
            if joins {
                run.push(number);
                (wasteful, live_bytes) = (waste, segment.live_bytes);
            }
        }
        (wasteful || run.len() >= SHORT_RUN).then_some(run)
    }

    fn input(&self, number: u64) -> Input<D::File> {
        let segment = &self.index.segments[&number];
        let trailer = segment.trailer.expect("only sealed segments are given back");
        let (name, epoch, salt) = (segment.name, segment.epoch, segment.salt);
        let header = SegmentHeader { name, epoch, salt, taken_bytes: 0 };
        let found = Found { header, file: segment.file.clone(), bytes: segment.bytes, trailer };
        let live = |(at, _): &(usize, &Line)| !segment.dead.has(*at);
        let needed = segment.lines.iter().enumerate().filter(live).map(|(_, line)| *line).collect();
        let mut fragments: Vec<_> = Vec::new();
        if segment.live_fragments > 0 {
            for (&id, record) in self.index.fragmented.iter().filter(|(_, record)| !record.released)
            {
                let here = record.pieces.iter().filter(|piece| piece.segment == number);
                fragments.extend(here.map(|p| Line { id, offset: p.offset, bytes: p.bytes }));
            }
        }
        Input { found, needed, fragments }
    }

    pub(super) fn handle_rewritten(&mut self, done: Rewritten<D>) {
        self.free_bytes = done.free_bytes;
        self.spares.rewritten(done.spare, self.reading);
        match done.outcome {
            Ok(Outcome::Replaced(output)) => {
                self.removals += 1;
                self.replace(&done.numbers, output);
                // Something that did not fit may fit now.
                self.space_asked |= self.full;
            }
            Ok(Outcome::NotWorthIt) => self.looked(&done.numbers, false),
            Err(Stopped::Failed(Failure::Full)) => self.looked(&done.numbers, true),
            Err(Stopped::Damaged(damage)) => {
                let segments = self.index.segments.values_mut();
                for segment in segments.filter(|segment| segment.name.file() == damage.file) {
                    segment.damaged = true;
                }
                self.events.push_back(LogEvent::Damaged(damage));
            }
            Err(Stopped::Failed(Failure::Failed(error))) => self.fail(error),
        }
    }

    fn looked(&mut self, numbers: &[u64], no_room: bool) {
        let removals = self.removals;
        for number in numbers {
            if let Some(segment) = self.index.segments.get_mut(number) {
                let live_bytes = segment.live_bytes;
                segment.looked_at = Some(Look { removals, live_bytes, no_room });
            }
        }
    }

    /// Puts the new segment in the place of the old ones. Some of its records may have been released meanwhile.
    fn replace(&mut self, numbers: &[u64], output: Option<Output<D::File>>) {
        let Some(output) = output else {
            self.index.forget(numbers, &[]);
            return;
        };
        let header = SegmentHeader::new(output.name, self.epoch, self.config.seed);
        let mut dead = Bits::default();
        let mut live_bytes = 0;
        for (at, line) in output.lines.iter().enumerate() {
            if self.index.is_live(line.id) {
                live_bytes += u64::from(line.bytes);
            } else {
                dead.set(at);
            }
        }
        self.index.forget(numbers, &output.fragments);
        let number = output.name.number;
        let moved = self.index.count_fragments(number);
        self.index.add_segment(Segment {
            name: output.name,
            epoch: header.epoch,
            salt: header.salt,
            file: output.file,
            seed: header.seed(),
            bytes: output.bytes,
            trailer: Some(output.trailer),
            lines: Arc::new(output.lines),
            dead,
            live_bytes: live_bytes + moved.0,
            live_fragments: moved.1,
            looked_at: None,
            damaged: false,
        });
        self.looked(&[number], false);
    }
}
