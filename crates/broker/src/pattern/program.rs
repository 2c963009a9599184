//! From tree to instructions, which both engines follow.

use alloc::vec::Vec;

use crate::pattern::node::{Anchor, Condition, Greed, Node, Octets};

/// How many instructions a pattern may become.
const INSTRUCTIONS: usize = 2_048;

/// One instruction; without a jump, the next one follows.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Instruction {
    /// This octet comes next.
    Octet(u8),
    /// One of a set comes next.
    Set(u16),
    Anchor(Anchor),
    /// Try the first, then the second.
    Split(u16, u16),
    Jump(u16),
    /// Remember the place.
    Save(u16),
    /// What lies between two places comes again.
    Back {
        group: u16,
        caseless: bool,
    },
    /// Go round again, unless nothing was taken since the place was remembered.
    Again {
        since: u16,
        start: u16,
    },
    /// Try what follows up to [`Done`](Self::Done), so many octets back, take nothing, and go on accordingly.
    Look {
        back: u16,
        found: Option<u16>,
        missed: Option<u16>,
    },
    /// Find what follows up to [`Done`](Self::Done) once and for all, and go on behind it.
    Atomic(u16),
    /// Go there if the group was not found.
    UnlessGroup {
        group: u16,
        to: u16,
    },
    /// The end of a part that was tried by itself.
    Done,
    /// The end.
    Match,
}

/// A compiled pattern.
#[derive(Clone, Debug)]
pub(crate) struct Program {
    pub(crate) code: Vec<Instruction>,
    pub(crate) sets: Vec<Octets>,
    /// How many places it remembers.
    pub(crate) slots: u16,
    /// It can be found at the start only.
    pub(crate) anchored: bool,
    /// It can be followed without going back.
    pub(crate) linear: bool,
}

/// Compiles a tree.
pub(crate) fn compile(node: &Node) -> Result<Program, &'static str> {
    let program = Program {
        code: Vec::new(),
        sets: Vec::new(),
        // The first two places of each group are its own.
        slots: 2 * (groups(node) + 1),
        anchored: is_anchored(node),
        linear: true,
    };
    let mut compiler = Compiler(program);
    compiler.node(node)?;
    compiler.push(Instruction::Match)?;
    Ok(compiler.0)
}

fn groups(node: &Node) -> u16 {
    let most = |nodes: &[Node]| nodes.iter().map(groups).max().unwrap_or_default();
    match node {
        Node::Octet(_) | Node::Anchor(_) | Node::Back { .. } => 0,
        Node::All(nodes) | Node::Any(nodes) => most(nodes),
        Node::Repeat { node, .. } | Node::Atomic(node) | Node::Look { node, .. } => groups(node),
        Node::Capture(group, node) => (*group).max(groups(node)),
        Node::Either { condition, yes, no } => {
            let asked = match condition {
                Condition::Group(_) => 0,
                Condition::Look(node) => groups(node),
            };
            asked.max(groups(yes)).max(groups(no))
        }
    }
}

fn is_anchored(node: &Node) -> bool {
    match node {
        Node::Anchor(anchor) => *anchor == Anchor::Start,
        Node::All(nodes) => nodes.first().is_some_and(is_anchored),
        Node::Any(nodes) => nodes.iter().all(is_anchored),
        Node::Capture(_, node) | Node::Atomic(node) => is_anchored(node),
        Node::Repeat { node, min, .. } => *min > 0 && is_anchored(node),
        Node::Octet(_) | Node::Look { .. } | Node::Back { .. } | Node::Either { .. } => false,
    }
}

struct Compiler(Program);

type Compiled = Result<(), &'static str>;

impl Compiler {
    const fn here(&self) -> u16 {
        self.0.code.len() as u16
    }

    fn push(&mut self, instruction: Instruction) -> Result<u16, &'static str> {
        if self.0.code.len() == INSTRUCTIONS {
            return Err("regular expression is too large");
        }
        self.0.code.push(instruction);
        Ok(self.here() - 1)
    }

    fn set(&mut self, at: u16, instruction: Instruction) {
        self.0.code[usize::from(at)] = instruction;
    }

    fn node(&mut self, node: &Node) -> Compiled {
        match node {
            Node::Octet(octets) => self.octet(octets),
            Node::Anchor(anchor) => self.push(Instruction::Anchor(*anchor)).map(drop),
            Node::All(nodes) => nodes.iter().try_for_each(|node| self.node(node)),
            Node::Any(nodes) => self.any(nodes),
            Node::Repeat { node, min, max, greed: Greed::Possessive } => {
                self.atomic(|own| own.repeat(node, *min, *max, true))
            }
            Node::Repeat { node, min, max, greed } => {
                self.repeat(node, *min, *max, *greed == Greed::Greedy)
            }
            Node::Capture(group, node) => {
                self.push(Instruction::Save(2 * group))?;
                self.node(node)?;
                self.push(Instruction::Save(2 * group + 1)).map(drop)
            }
            Node::Atomic(node) => self.atomic(|own| own.node(node)),
            Node::Look { ahead, negative, node } => self.look(*ahead, *negative, node),
            Node::Back { group, caseless } => {
                self.0.linear = false;
                let (group, caseless) = (*group, *caseless);
                self.push(Instruction::Back { group, caseless }).map(drop)
            }
            Node::Either { condition, yes, no } => self.either(condition, yes, no),
        }
    }

    fn octet(&mut self, octets: &Octets) -> Compiled {
        if let Some(octet) = octets.single() {
            return self.push(Instruction::Octet(octet)).map(drop);
        }
        let known = self.0.sets.iter().position(|set| set == octets);
        let index = known.unwrap_or_else(|| {
            self.0.sets.push(*octets);
            self.0.sets.len() - 1
        });
        self.push(Instruction::Set(index as u16)).map(drop)
    }

    fn any(&mut self, nodes: &[Node]) -> Compiled {
        let mut ends = Vec::new();
        for (place, node) in nodes.iter().enumerate() {
            if place + 1 == nodes.len() {
                self.node(node)?;
                break;
            }
            let split = self.push(Instruction::Split(0, 0))?;
            self.node(node)?;
            ends.push(self.push(Instruction::Jump(0))?);
            self.set(split, Instruction::Split(split + 1, self.here()));
        }
        let end = self.here();
        ends.into_iter().for_each(|at| self.set(at, Instruction::Jump(end)));
        Ok(())
    }

    fn repeat(&mut self, node: &Node, min: u32, max: Option<u32>, greedy: bool) -> Compiled {
        for _ in 0..min {
            let before = self.here();
            self.node(node)?;
            // Nothing is nothing however often; saying so here bounds the work as well.
            if self.here() == before {
                break;
            }
        }
        let split = |first, second| {
            if greedy {
                Instruction::Split(first, second)
            } else {
                Instruction::Split(second, first)
            }
        };
        let Some(max) = max else {
            let since = self.0.slots;
            self.0.slots += 1;
            let start = self.push(Instruction::Split(0, 0))?;
            self.push(Instruction::Save(since))?;
            self.node(node)?;
            self.push(Instruction::Again { since, start })?;
            let end = self.here();
            self.set(start, split(start + 1, end));
            return Ok(());
        };
        let mut splits = Vec::new();
        for _ in min..max {
            splits.push(self.push(Instruction::Split(0, 0))?);
            self.node(node)?;
        }
        let end = self.here();
        splits.into_iter().for_each(|at| self.set(at, split(at + 1, end)));
        Ok(())
    }

    fn atomic(&mut self, inside: impl FnOnce(&mut Self) -> Compiled) -> Compiled {
        self.0.linear = false;
        let begin = self.push(Instruction::Atomic(0))?;
        inside(self)?;
        self.push(Instruction::Done)?;
        self.set(begin, Instruction::Atomic(self.here()));
        Ok(())
    }

    fn look(&mut self, ahead: bool, negative: bool, node: &Node) -> Compiled {
        match node {
            // Each of several things behind may lie as far back as it is wide.
            Node::Any(nodes) if !ahead && negative => {
                nodes.iter().try_for_each(|node| self.look(false, true, node))
            }
            Node::Any(nodes) if !ahead => {
                let each = |node: &Node| {
                    let node = alloc::boxed::Box::new(node.clone());
                    Node::Look { ahead, negative, node }
                };
                self.any(&nodes.iter().map(each).collect::<Vec<_>>())
            }
            node => {
                let begin = self.try_apart(ahead, node)?;
                let (end, back) = (Some(self.here()), back(ahead, node));
                let (found, missed) = if negative { (None, end) } else { (end, None) };
                self.set(begin, Instruction::Look { back, found, missed });
                Ok(())
            }
        }
    }

    /// Something to be tried by itself; answers where the instruction is to be that tries it.
    fn try_apart(&mut self, ahead: bool, node: &Node) -> Result<u16, &'static str> {
        self.0.linear = false;
        let nowhere = Instruction::Look { back: back(ahead, node), found: None, missed: None };
        let begin = self.push(nowhere)?;
        self.node(node)?;
        self.push(Instruction::Done)?;
        Ok(begin)
    }

    fn either(&mut self, condition: &Condition, yes: &Node, no: &Node) -> Compiled {
        self.0.linear = false;
        let asked = match condition {
            Condition::Group(_) => self.push(Instruction::Jump(0))?,
            Condition::Look(look) => match &**look {
                Node::Look { ahead, node, .. } => self.try_apart(*ahead, node)?,
                _ => return Err("malformed condition"),
            },
        };
        let found = self.here();
        self.node(yes)?;
        let over = self.push(Instruction::Jump(0))?;
        let missed = self.here();
        self.node(no)?;
        self.set(over, Instruction::Jump(self.here()));
        let asking = match condition {
            Condition::Group(group) => Instruction::UnlessGroup { group: *group, to: missed },
            Condition::Look(look) => match &**look {
                Node::Look { ahead, negative, node } => {
                    let (hit, miss) = if *negative { (missed, found) } else { (found, missed) };
                    let back = back(*ahead, node);
                    Instruction::Look { back, found: Some(hit), missed: Some(miss) }
                }
                _ => return Err("malformed condition"),
            },
        };
        self.set(asked, asking);
        Ok(())
    }
}

/// How far back something behind begins; it may be too far for any name.
fn back(ahead: bool, node: &Node) -> u16 {
    let width = if ahead { 0 } else { node.width().unwrap_or(usize::MAX) };
    u16::try_from(width).unwrap_or(u16::MAX)
}
