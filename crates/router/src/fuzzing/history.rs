//! Histories of binding, unbinding and routing, told to a router and to the model.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use super::model::Model;
use crate::{
    Arguments, Binding, ExchangeId, HashOn, HeaderMap, HeaderValue, Kind, Matches, Removed, Router,
    Rule, Target,
};

/// Plays the history that these bytes describe, and panics where the router and the model differ.
pub fn history(bytes: &[u8]) {
    let mut world = World {
        bytes,
        router: Router::new(bytes.len() as u64),
        model: Model::new(),
        exchanges: Vec::new(),
        matches: Matches::new(),
    };
    while !world.bytes.is_empty() {
        world.play();
    }
    world.compare_lists();
    world.leave_nothing();
}

struct World<'a> {
    bytes: &'a [u8],
    router: Router<u8>,
    model: Model<u8>,
    /// The ids of each exchange in the router and in the model, removed ones among them.
    exchanges: Vec<(ExchangeId, ExchangeId)>,
    matches: Matches<u8>,
}

/// An owned rule.
struct Told {
    key: Vec<u8>,
    arguments: HeaderMap,
    identity: [u8; 2],
}

impl Told {
    fn rule(&self) -> Rule<'_> {
        Rule::new(&self.key).with_arguments(&self.arguments).with_identity(&self.identity)
    }
}

impl World<'_> {
    fn play(&mut self) {
        match self.draw(16) {
            0 | 1 => self.add(),
            2 if self.draw(4) == 0 => self.remove(),
            2 | 3 => self.set_alternate(),
            4..=9 => self.bind(),
            10 | 11 => self.unbind(),
            12 if self.draw(4) == 0 => self.unbind_all(),
            13 => self.compare_lists(),
            _ => self.route(),
        }
    }

    /// The next number of the history, below `bound`.
    fn draw(&mut self, bound: u8) -> u8 {
        let Some((byte, rest)) = self.bytes.split_first() else { return 0 };
        self.bytes = rest;
        byte % bound
    }

    fn add(&mut self) {
        if self.exchanges.len() >= 24 {
            return;
        }
        let kind = match self.draw(9) {
            0 | 1 => Kind::Direct,
            2 => Kind::Fanout,
            3 | 4 => Kind::Topic,
            5 => Kind::Headers,
            6 => Kind::ConsistentHash(HashOn::RoutingKey),
            7 => Kind::ConsistentHash(HashOn::Header(alloc::boxed::Box::from(*b"h"))),
            _ => Kind::ModulusHash,
        };
        self.exchanges.push((self.router.add(kind.clone()), self.model.add(kind)));
    }

    fn exchange(&mut self) -> Option<(ExchangeId, ExchangeId)> {
        let at = self.draw(24) as usize;
        self.exchanges.get(at % self.exchanges.len().max(1)).copied()
    }

    fn remove(&mut self) {
        let Some((ours, theirs)) = self.exchange() else { return };
        let removed = self.router.remove(ours);
        let expected = self.model.remove(theirs);
        self.compare_removed(&removed, &expected);
        assert_eq!(self.router.kind(ours), None);
    }

    fn set_alternate(&mut self) {
        let (Some((ours, theirs)), Some(to)) = (self.exchange(), self.exchange()) else { return };
        let some = self.draw(3) > 0;
        self.router.set_alternate(ours, some.then_some(to.0));
        self.model.set_alternate(theirs, some.then_some(to.1));
        let alternate = self.router.alternate(ours).map(|ours| self.theirs(ours));
        assert_eq!(alternate, self.model.alternate(theirs));
    }

    fn bind(&mut self) {
        let Some((source, model_source)) = self.exchange() else { return };
        let Some((target, model_target, told)) = self.told() else { return };
        let before = self.router.generation();
        let bound = self.router.bind(source, target, told.rule());
        assert_eq!(bound, self.model.bind(model_source, model_target, told.rule()));
        assert_eq!(self.router.generation() > before, bound == Ok(true));
        if bound.is_ok() {
            assert!(self.router.has_binding(source, target, told.rule()));
        }
    }

    fn unbind(&mut self) {
        let Some((source, model_source)) = self.exchange() else { return };
        let known = self.draw(16) as usize;
        let listed = self.model.bindings_from(model_source).nth(known);
        let listed = listed.map(|it| (it.target, it.key.to_vec(), it.arguments.to_vec()));
        let (target, model_target, told) = match listed {
            Some((target, key, arguments)) => {
                let arguments = HeaderMap::from_canonical(&arguments).unwrap_or_default();
                (self.ours(target), target, Told { key, arguments, identity: *b"--" })
            }
            None => match self.told() {
                Some(told) => told,
                None => return,
            },
        };
        let unbound = self.router.unbind(source, target, told.rule());
        assert_eq!(unbound, self.model.unbind(model_source, model_target, told.rule()));
        assert!(!self.router.has_binding(source, target, told.rule()));
    }

    fn unbind_all(&mut self) {
        let Some((target, model_target)) = self.target() else { return };
        let removed = self.router.unbind_all(target);
        let expected = self.model.unbind_all(model_target);
        self.compare_removed(&removed, &expected);
        assert_eq!(self.router.count_to(target), 0);
    }

    fn route(&mut self) {
        let Some((ours, theirs)) = self.exchange() else { return };
        let keys: Vec<_> = (0..=self.draw(6) / 4).map(|_| self.key(false)).collect();
        let keys: Vec<&[u8]> = keys.iter().map(|key| &key[..]).collect();
        let headers = self.headers(false);
        let mut expected = Matches::new();
        self.model.route(theirs, &keys, &headers, &mut expected);
        self.router.route_all(ours, &keys, &headers, &mut self.matches);
        let found: BTreeSet<_> = self.matches.iter().copied().collect();
        assert_eq!(found.len(), self.matches.len(), "each destination once");
        assert!(found.iter().eq(expected.iter().copied().collect::<BTreeSet<_>>().iter()));
    }

    fn told(&mut self) -> Option<(Target<u8>, Target<u8>, Told)> {
        let (target, model_target) = self.target()?;
        let key = if self.draw(8) == 0 { weight(self.draw(6)) } else { self.key(true) };
        let arguments = self.headers(true);
        let identity = match model_target {
            Target::Destination(destination) => [b'd', destination],
            Target::Exchange(exchange) => [b'x', exchange.index() as u8],
        };
        Some((target, model_target, Told { key, arguments, identity }))
    }

    fn target(&mut self) -> Option<(Target<u8>, Target<u8>)> {
        if self.draw(3) > 0 {
            let to = Target::Destination(self.draw(40));
            return Some((to, to));
        }
        let (ours, theirs) = self.exchange()?;
        Some((Target::Exchange(ours), Target::Exchange(theirs)))
    }

    fn key(&mut self, wild: bool) -> Vec<u8> {
        let words: Vec<&[u8]> = (0..self.draw(7))
            .map(|_| match self.draw(if wild { 8 } else { 5 }) {
                0 | 1 => &b"a"[..],
                2 => b"b",
                3 => b"a word that is longer than a short one",
                4 => b"",
                5 => b"*",
                _ => b"#",
            })
            .collect();
        words.join(&b'.')
    }

    fn headers(&mut self, arguments: bool) -> HeaderMap {
        let mut headers = HeaderMap::new();
        if arguments {
            match self.draw(12) {
                0 => headers.insert("x-match", "any".into()),
                1 => headers.insert("x-match", "all-with-x".into()),
                2 => headers.insert("x-match", "any-with-x".into()),
                3 => headers.insert("x-match", "none".into()),
                4 => headers.insert("x-match", 1.into()),
                _ => {}
            }
        }
        for _ in 0..self.draw(4) {
            let name = [&b"h"[..], b"i", b"x-j", b"k"][self.draw(4) as usize];
            let value = match self.draw(4) {
                0 => HeaderValue::Void,
                1 => 1.into(),
                2 => "1".into(),
                _ => true.into(),
            };
            headers.insert(name, value);
        }
        headers
    }

    fn theirs(&self, ours: ExchangeId) -> ExchangeId {
        let pair = self.exchanges.iter().rev().find(|(it, _)| *it == ours);
        pair.expect("the router only names exchanges that were added").1
    }

    fn ours(&self, target: Target<u8>) -> Target<u8> {
        match target {
            Target::Destination(to) => Target::Destination(to),
            Target::Exchange(theirs) => {
                let pair = self.exchanges.iter().find(|(_, it)| *it == theirs);
                Target::Exchange(pair.expect("the model only names exchanges that were added").0)
            }
        }
    }

    fn compare_removed(&self, removed: &Removed, expected: &Removed) {
        let emptied: Vec<_> = removed.emptied.iter().map(|ours| self.theirs(*ours)).collect();
        assert_eq!(emptied, expected.emptied);
        assert_eq!(removed.bindings, expected.bindings);
    }

    fn compare_lists(&self) {
        for (ours, theirs) in self.exchanges.clone() {
            let expected: Vec<_> = self.model.bindings_from(theirs).collect();
            assert_eq!(self.router.count_from(ours), expected.len());
            self.compare_list(self.router.bindings_from(ours), &expected);
            let expected: Vec<_> = self.model.bindings_to(Target::Exchange(theirs)).collect();
            assert_eq!(self.router.count_to(Target::Exchange(ours)), expected.len());
            self.compare_list(self.router.bindings_to(Target::Exchange(ours)), &expected);
        }
        for to in (0..40).map(Target::Destination) {
            let expected: Vec<_> = self.model.bindings_to(to).collect();
            self.compare_list(self.router.bindings_to(to), &expected);
        }
    }

    fn compare_list<'b>(
        &self,
        listed: impl Iterator<Item = Binding<'b, u8>>,
        expected: &[Binding<'_, u8>],
    ) {
        let mut expected = expected.iter();
        for binding in listed {
            let wanted = expected.next().expect("no more bindings than the model lists");
            assert_eq!(self.theirs(binding.source), wanted.source);
            assert_eq!(binding.target, self.ours(wanted.target));
            assert_eq!((binding.key, binding.arguments), (wanted.key, wanted.arguments));
        }
        assert_eq!(expected.next(), None);
    }

    /// Removes everything in one of several ways.
    fn leave_nothing(&mut self) {
        for (ours, _) in self.exchanges.clone() {
            let bindings: Vec<_> = self.router.bindings_from(ours).map(Told::of).collect();
            for (target, told) in bindings {
                assert!(self.router.unbind(ours, target, told.rule()));
            }
        }
        assert!(self.router.is_empty());
        assert!(self.router.holds_no_memory(), "memory is given back with the last binding");
    }
}

impl Told {
    fn of(binding: Binding<'_, u8>) -> (Target<u8>, Self) {
        let arguments = HeaderMap::from_canonical(binding.arguments).unwrap_or_default();
        assert_eq!(arguments.canonical(), binding.arguments);
        (binding.target, Self { key: binding.key.to_vec(), arguments, identity: *b"--" })
    }
}

fn weight(drawn: u8) -> Vec<u8> {
    match drawn {
        0 => b"0".to_vec(),
        1 => b"01".to_vec(),
        2 => b"x".to_vec(),
        weight => [b'0' + weight].to_vec(),
    }
}
