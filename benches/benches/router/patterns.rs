//! The topic patterns of all comparisons: four words out of a thousand; 70 % of the patterns are literal, 20 % have one
//! `*`, 10 % end in `#`.

/// Patterns, and messages that each match at least one of them.
pub(crate) struct Patterns {
    draw: Draw,
    patterns: Vec<String>,
}

const WORDS: u32 = 1_000;

impl Patterns {
    pub(crate) fn new(seed: u64, len: u32) -> Self {
        let mut draw = Draw::new(seed);
        let patterns = (0..len)
            .map(|_| {
                let mut words = [0; 4].map(|_| word(&mut draw));
                match draw.below(10) {
                    0..7 => {}
                    7 | 8 => words[draw.below(4) as usize] = "*".into(),
                    _ => words[3] = "#".into(),
                }
                words.join(".")
            })
            .collect();
        Self { draw, patterns }
    }

    pub(crate) fn len(&self) -> usize {
        self.patterns.len()
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.patterns.iter().map(String::as_str)
    }

    /// A key that matches one of the patterns.
    pub(crate) fn message(&mut self) -> String {
        let pattern = &self.patterns[self.draw.below(self.patterns.len() as u32) as usize];
        let words: Vec<_> = pattern
            .split('.')
            .map(|step| match step {
                "*" | "#" => word(&mut self.draw),
                word => word.into(),
            })
            .collect();
        words.join(".")
    }
}

fn word(draw: &mut Draw) -> String {
    format!("word{}", draw.below(WORDS))
}

/// A small generator of numbers, the same in every run.
pub(crate) struct Draw(u64);

impl Draw {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) fn below(&mut self, bound: u32) -> u32 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^= z >> 31;
        (((z >> 32) * u64::from(bound)) >> 32) as u32
    }
}
