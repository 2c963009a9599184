//! Patterns that come to a trie, and go.

use alloc::boxed::Box;

use smallvec::SmallVec;

use super::tail::{LongTails, Tail, tail_of};
use super::{ANY_WORD, ANY_WORDS, Child, Leaf, NONE, Node, Place, Root, Steps, Topics};
use crate::hashing::Hashing;
use crate::posting::{Posting, Postings};
use crate::slots::Slots;

impl Topics {
    /// Takes a target from the end of a pattern in a trie; `true` when it was the last one.
    pub(super) fn take_end<D>(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        root: &mut Root<D>,
        steps: &[u32],
        target: u32,
    ) -> bool {
        let mut path: SmallVec<[Place; 16]> = SmallVec::new();
        let mut place = Place::root(hashing, root);
        let mut rest = steps;
        let posting = loop {
            path.push(place);
            let Some((step, after)) = rest.split_first() else {
                break &mut self.nodes[place.node].end;
            };
            rest = after;
            let child = self.child(hashing, place, *step);
            if let Some(leaf) = child.leaf() {
                break &mut self.leaves[leaf].posting;
            }
            place = Place { node: child.0, path: hashing.of_step(place.path, *step) };
        };
        postings.take(hashing, posting, target);
        let gone = posting.is_empty();
        if gone {
            self.prune(hashing, root, &path, steps);
        }
        gone
    }

    /// The posting of a pattern, which is made when it is not there.
    pub(super) fn end_of<D>(
        &mut self,
        hashing: &Hashing,
        root: &Root<D>,
        steps: &[u32],
    ) -> &mut Posting {
        let mut place = Place::root(hashing, root);
        let mut rest = steps;
        while let Some((step, after)) = rest.split_first() {
            let child = self.child(hashing, place, *step);
            let node = if let Some(leaf) = child.leaf() {
                if self.leaves[leaf].is(after, &self.long_tails) {
                    return &mut self.leaves[leaf].posting;
                }
                self.split(hashing, place, leaf)
            } else if child.is_none() {
                if let Some((tail, open)) = tail_of(after) {
                    let leaf = self.new_leaf(place.node, *step, tail, open);
                    self.attach(hashing, place, *step, Child::of_leaf(leaf));
                    return &mut self.leaves[leaf].posting;
                }
                let node = self.nodes.insert(Node::new(place.node, *step));
                self.attach(hashing, place, *step, Child(node));
                node
            } else {
                child.0
            };
            place = Place { node, path: hashing.of_step(place.path, *step) };
            rest = after;
        }
        &mut self.nodes[place.node].end
    }

    /// Puts a node in the place of a leaf, and the leaf below it.
    fn split(&mut self, hashing: &Hashing, above: Place, leaf: u32) -> u32 {
        let via = self.leaves[leaf].via;
        let node = self.nodes.insert(Node::new(above.node, via));
        self.exchange(hashing, above, via, Child::of_leaf(leaf), Child(node));
        let place = Place { node, path: hashing.of_step(above.path, via) };
        let Leaf { posting, is_open: open, tail, .. } = self.leaves[leaf];
        let tail = Steps::from_slice(tail.steps(&self.long_tails));
        self.free_leaf(leaf);
        match tail.split_first() {
            None if open => self.grow_leaf(hashing, place, ANY_WORDS, &[], false, posting),
            None => self.nodes[node].end = posting,
            Some((step, tail)) => self.grow_leaf(hashing, place, *step, tail, open, posting),
        }
        node
    }

    fn grow_leaf(
        &mut self,
        hashing: &Hashing,
        above: Place,
        step: u32,
        tail: &[u32],
        open: bool,
        posting: Posting,
    ) {
        let leaf = self.new_leaf(above.node, step, tail, open);
        self.leaves[leaf].posting = posting;
        self.attach(hashing, above, step, Child::of_leaf(leaf));
    }

    fn new_leaf(&mut self, parent: u32, via: u32, tail: &[u32], is_open: bool) -> u32 {
        let tail = Tail::new(&mut self.long_tails, tail);
        self.leaves.insert(Leaf { parent, via, posting: Posting::EMPTY, is_open, tail })
    }

    fn free_leaf(&mut self, leaf: u32) {
        self.leaves.remove(leaf).tail.free(&mut self.long_tails);
    }

    /// Removes the end of a pattern that has no target left, and every node that it alone needed. `path` holds the
    /// nodes from the root to the end, or to the parent of the leaf that is the end.
    fn prune<D>(&mut self, hashing: &Hashing, root: &mut Root<D>, path: &[Place], steps: &[u32]) {
        let (last, _) = path.split_last().expect("a path begins at the root");
        if let Some(step) = steps.get(path.len() - 1) {
            let child = self.child(hashing, *last, *step);
            self.detach(hashing, *last, *step, child);
            if let Some(leaf) = child.leaf() {
                self.free_leaf(leaf);
            }
        }
        for (depth, place) in path.iter().enumerate().rev() {
            if self.nodes[place.node].is_needed() {
                return;
            }
            match depth.checked_sub(1) {
                None => root.node = NONE,
                Some(above) => {
                    self.detach(hashing, path[above], steps[above], Child(place.node));
                }
            }
            self.nodes.remove(place.node);
        }
    }

    pub(super) fn child(&self, hashing: &Hashing, above: Place, step: u32) -> Child {
        let node = &self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word,
            ANY_WORDS => node.any_words,
            word if node.edges > 0 => {
                let tries = (&self.nodes, &self.leaves);
                let is_it = |child| origin(tries, Child(child)) == (above.node, word);
                let hash = hashing.of_step(above.path, word);
                self.edges
                    .find(hash, || edge_key((above.node, word)), is_it)
                    .map_or(Child::NONE, Child)
            }
            _ => Child::NONE,
        }
    }

    fn attach(&mut self, hashing: &Hashing, above: Place, step: u32, child: Child) {
        let node = &mut self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word = child,
            ANY_WORDS => node.any_words = child,
            word => {
                node.edges += 1;
                let hash = hashing.of_step(above.path, word);
                let tries = (&self.nodes, &self.leaves);
                self.edges.insert(hash, child.0, |it| key_of(tries, it));
            }
        }
    }

    fn detach(&mut self, hashing: &Hashing, above: Place, step: u32, child: Child) {
        let node = &mut self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word = Child::NONE,
            ANY_WORDS => node.any_words = Child::NONE,
            word => {
                node.edges -= 1;
                let hash = hashing.of_step(above.path, word);
                let tries = (&self.nodes, &self.leaves);
                self.edges.remove(hash, child.0, |it| key_of(tries, it));
            }
        }
    }

    fn exchange(&mut self, hashing: &Hashing, above: Place, step: u32, from: Child, to: Child) {
        let node = &mut self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word = to,
            ANY_WORDS => node.any_words = to,
            word => {
                let hash = hashing.of_step(above.path, word);
                let tries = (&self.nodes, &self.leaves);
                self.edges.replace(hash, from.0, to.0, |it| key_of(tries, it));
            }
        }
    }
}

impl Leaf {
    /// Whether these are its steps, its `#` among them.
    fn is(&self, steps: &[u32], long_tails: &LongTails) -> bool {
        let tail = tail_of(steps);
        tail.is_some_and(|(tail, open)| open == self.is_open && self.tail.is(tail, long_tails))
    }
}

/// What there is beside the table of edges.
type Tries<'a> = (&'a Slots<Node>, &'a Slots<Leaf>);

/// The parent of a child, and the step that leads to it.
#[inline]
fn origin((nodes, leaves): Tries<'_>, child: Child) -> (u32, u32) {
    match child.leaf() {
        Some(leaf) => (leaves[leaf].parent, leaves[leaf].via),
        None => (nodes[child.0].parent, nodes[child.0].via),
    }
}

/// The name of an edge; only used after an attack.
fn edge_key((parent, via): (u32, u32)) -> [u8; 8] {
    (u64::from(parent) << 32 | u64::from(via)).to_be_bytes()
}

fn key_of(tries: Tries<'_>, child: u32) -> Box<[u8]> {
    Box::new(edge_key(origin(tries, Child(child))))
}
