//! Byte strings as numbers.

use alloc::boxed::Box;

use crate::hashing::Hashing;
use crate::index::Index;
use crate::slots::Slots;

/// Interned byte strings, counted, each with a number below [`Words::UNKNOWN`].
#[derive(Clone, Debug)]
pub(crate) struct Words {
    index: Index,
    words: Slots<Word>,
}

#[derive(Clone, Debug, Default)]
struct Word {
    text: Text,
    uses: u32,
}

/// Short words, which are nearly all, lie in the table itself: comparing one costs no second miss.
#[derive(Clone, Debug)]
enum Text {
    Short(u8, [u8; SHORT_BYTES_MAX]),
    Long(Box<[u8]>),
}

const SHORT_BYTES_MAX: usize = 22;

impl Words {
    /// The number of a word that nobody holds.
    pub(crate) const UNKNOWN: u32 = 0x7fff_ffff;

    pub(crate) const fn new() -> Self {
        Self { index: Index::new(), words: Slots::new() }
    }

    pub(crate) fn holds_no_memory(&self) -> bool {
        self.index.holds_no_memory() && self.words.holds_no_memory()
    }

    /// The number of a word, if anybody holds it.
    #[inline]
    pub(crate) fn find(&self, hashing: &Hashing, text: &[u8]) -> Option<u32> {
        self.find_hashed(hashing.of_bytes(text), text)
    }

    /// Holds a word once more.
    pub(crate) fn hold(&mut self, hashing: &Hashing, text: &[u8]) -> u32 {
        let hash = hashing.of_bytes(text);
        if let Some(word) = self.find_hashed(hash, text) {
            self.words[word].uses += 1;
            return word;
        }
        let word = self.words.insert(Word { text: Text::from(text), uses: 1 });
        self.index.insert(hash, word, |word| self.words[word].text.as_bytes().into());
        word
    }

    /// Holds a word once less.
    pub(crate) fn release(&mut self, hashing: &Hashing, word: u32) {
        self.words[word].uses -= 1;
        if self.words[word].uses == 0 {
            let hash = hashing.of_bytes(self.words[word].text.as_bytes());
            self.index.remove(hash, word, |word| self.words[word].text.as_bytes().into());
            self.words.remove(word);
        }
    }

    #[inline]
    fn find_hashed(&self, hash: u32, text: &[u8]) -> Option<u32> {
        self.index.find(hash, text, |word| self.words[word].text.as_bytes() == text)
    }
}

impl Text {
    #[inline]
    fn as_bytes(&self) -> &[u8] {
        match self {
            Self::Short(len, bytes) => &bytes[..usize::from(*len)],
            Self::Long(bytes) => bytes,
        }
    }
}

impl From<&[u8]> for Text {
    fn from(text: &[u8]) -> Self {
        let mut bytes = [0; SHORT_BYTES_MAX];
        match bytes.get_mut(..text.len()) {
            Some(short) => {
                short.copy_from_slice(text);
                Self::Short(text.len() as u8, bytes)
            }
            None => Self::Long(text.into()),
        }
    }
}

impl Default for Text {
    fn default() -> Self {
        Self::Short(0, [0; SHORT_BYTES_MAX])
    }
}
