//! Patterns that come to a trie, and go.

use smallvec::SmallVec;

use super::{
    ANY_WORD, ANY_WORDS, Child, Leaf, NONE, Node, Place, Root, SHORT_TAIL, Steps, Topics, edge_key,
    key_of, tail_of,
};
use crate::hashing::Hashing;
use crate::posting::{Posting, Postings};

impl Topics {
    /// Takes a target from the end of a pattern in a trie; `true` when it was the last one.
    pub(super) fn take_end(
        &mut self,
        hashing: &Hashing,
        postings: &mut Postings,
        root: &mut Root,
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
    pub(super) fn end_of(&mut self, hashing: &Hashing, root: &Root, steps: &[u32]) -> &mut Posting {
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
        let Leaf { posting, shape, .. } = self.leaves[leaf];
        let tail = Steps::from_slice(self.leaves[leaf].tail(&self.long_tails));
        self.free_leaf(leaf);
        let open = shape & 1 == 1;
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

    pub(super) fn new_leaf(&mut self, parent: u32, via: u32, tail: &[u32], open: bool) -> u32 {
        let mut short = [0; SHORT_TAIL];
        match short.get_mut(..tail.len()) {
            Some(short) => short.copy_from_slice(tail),
            None => short[0] = self.long_tails.insert(tail.into()),
        }
        let shape = (tail.len() as u32) << 1 | u32::from(open);
        self.leaves.insert(Leaf { parent, via, posting: Posting::EMPTY, shape, tail: short })
    }

    pub(super) fn free_leaf(&mut self, leaf: u32) {
        let leaf = self.leaves.remove(leaf);
        if leaf.words() > SHORT_TAIL {
            self.long_tails.remove(leaf.tail[0]);
        }
    }

    /// Removes the end of a pattern that has no target left, and every node that it alone needed. `path` holds the
    /// nodes from the root to the end, or to the parent of the leaf that is the end.
    fn prune(&mut self, hashing: &Hashing, root: &mut Root, path: &[Place], steps: &[u32]) {
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

    fn child(&self, hashing: &Hashing, above: Place, step: u32) -> Child {
        let node = &self.nodes[above.node];
        match step {
            ANY_WORD => node.any_word,
            ANY_WORDS => node.any_words,
            word if node.edges > 0 => {
                let is_it = |child| self.origin(Child(child)) == (above.node, word);
                let hash = hashing.of_step(above.path, word);
                self.edges
                    .find(hash, || edge_key(above.node, word), is_it)
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
                let tries = (&self.nodes, &self.leaves, &self.long_tails);
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
                let tries = (&self.nodes, &self.leaves, &self.long_tails);
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
                let tries = (&self.nodes, &self.leaves, &self.long_tails);
                self.edges.replace(hash, from.0, to.0, |it| key_of(tries, it));
            }
        }
    }
}
