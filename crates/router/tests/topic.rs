//! Topic patterns against the definition of a match.

use proptest::prelude::*;
use warrener_router::fuzzing::model::{topic_matches, topic_matches_by_rows};
use warrener_router::{Kind, Matches, NoHeaders, Router, Target};

/// Every pattern of up to five words out of `a`, `b`, `*` and `#`, all bound at once, and every key of up to five words
/// out of `a` and `b`.
#[test]
fn all_short_patterns_match_what_they_should() {
    let patterns = all_of(&["a", "b", "*", "#"]);
    let keys = all_of(&["a", "b"]);
    assert_eq!((patterns.len(), keys.len()), (1_365, 63));
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    for (at, pattern) in patterns.iter().enumerate() {
        assert_eq!(router.bind(exchange, Target::Destination(at), pattern), Ok(true));
    }
    let mut matches = Matches::new();
    for key in &keys {
        router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
        let mut found: Vec<_> = matches.iter().copied().collect();
        found.sort_unstable();
        let expected = patterns.iter().enumerate();
        let expected = expected.filter(|(_, it)| topic_matches(it.as_bytes(), key.as_bytes()));
        assert_eq!(found, expected.map(|(at, _)| at).collect::<Vec<_>>(), "{key:?}");
    }
}

/// The same patterns one at a time: each has a trie, or a shape, for itself.
#[test]
fn short_patterns_match_alone_as_they_do_in_company() {
    let keys = all_of(&["a", "b"]);
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    let mut matches = Matches::new();
    for pattern in all_of(&["a", "b", "*", "#"]) {
        assert_eq!(router.bind(exchange, Target::Destination(()), &pattern), Ok(true));
        for key in &keys {
            router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
            let expected = topic_matches(pattern.as_bytes(), key.as_bytes());
            assert_eq!(topic_matches_by_rows(pattern.as_bytes(), key.as_bytes()), expected);
            assert_eq!(!matches.is_empty(), expected, "{pattern:?} {key:?}");
        }
        assert!(router.unbind(exchange, Target::Destination(()), &pattern));
    }
}

#[test]
fn the_empty_key_has_no_words_and_two_dots_enclose_an_empty_one() {
    for (pattern, key, expected) in [
        ("", "", true),
        ("#", "", true),
        ("*", "", false),
        ("#.#", "", true),
        ("*", ".", false),
        ("*.*", ".", true),
        ("a.*.b", "a..b", true),
        ("a..b", "a..b", true),
        ("a.b", "a..b", false),
        ("a.#.b", "a..b", true),
        ("a.*", "a.", true),
        ("a", "a.", false),
        ("*.#", ".a", true),
    ] {
        let mut router = Router::new(1);
        let exchange = router.add(Kind::Topic);
        assert_eq!(router.bind(exchange, Target::Destination(()), pattern), Ok(true));
        let mut matches = Matches::new();
        router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
        assert_eq!(!matches.is_empty(), expected, "{pattern:?} {key:?}");
        assert_eq!(topic_matches(pattern.as_bytes(), key.as_bytes()), expected);
    }
}

/// In a published key, `*` and `#` are words like any other.
#[test]
fn wildcards_in_a_key_match_only_wildcards() {
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    for (target, pattern) in ["a.*", "a.b", "a.#", "a.*.c"].into_iter().enumerate() {
        assert_eq!(router.bind(exchange, Target::Destination(target), pattern), Ok(true));
    }
    let mut matches = Matches::new();
    for key in ["a.*", "a.#"] {
        router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
        let mut found = matches.destinations().to_vec();
        found.sort_unstable();
        assert_eq!(found, [0, 2], "{key}");
    }
}

/// Short words are compared as numbers and long ones as texts: neither must be taken for the other, nor for one that
/// differs in a single byte.
#[test]
fn words_of_every_length_are_told_apart() {
    let words: Vec<Vec<u8>> = (1..40)
        .flat_map(|len: usize| {
            let differing = (0..len).map(move |at| {
                let mut word = vec![b'w'; len];
                word[at] = 0;
                word
            });
            differing.chain([vec![b'w'; len]])
        })
        .collect();
    let mut router = Router::new(1);
    let exchange = router.add(Kind::Topic);
    for (at, word) in words.iter().enumerate() {
        for (form, (before, after)) in FORMS.iter().enumerate() {
            let target = Target::Destination((at, form));
            assert_eq!(router.bind(exchange, target, &around(before, word, after)), Ok(true));
        }
    }
    let mut matches = Matches::new();
    for (at, word) in words.iter().enumerate() {
        for (key, forms) in [("", &[0, 2][..]), ("x.", &[1, 3]), ("x.x.", &[3])] {
            router.route(exchange, &around(key, word, ""), &NoHeaders, &mut matches);
            let mut found = matches.destinations().to_vec();
            found.sort_unstable();
            let expected: Vec<_> = forms.iter().map(|form| (at, *form)).collect();
            assert_eq!(found, expected, "{key:?} {word:?}");
        }
    }
}

/// A word alone, behind a `*`, before a `#`, and behind a `#` and another word.
const FORMS: [(&str, &str); 4] = [("", ""), ("*.", ""), ("", ".#"), ("#.x.", "")];

fn around(before: &str, word: &[u8], after: &str) -> Vec<u8> {
    [before.as_bytes(), word, after.as_bytes()].concat()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn long_patterns_match_what_they_should(
        patterns in proptest::collection::vec("[ab*#](\\.[ab*#]){0,90}|[ab#](\\.[ab]){60,70}", 1..60),
        keys in proptest::collection::vec("[ab](\\.[ab]){0,90}", 1..10),
    ) {
        let mut router = Router::new(1);
        let exchange = router.add(Kind::Topic);
        for (at, pattern) in patterns.iter().enumerate() {
            prop_assert_eq!(router.bind(exchange, Target::Destination(at), pattern), Ok(true));
        }
        let mut matches = Matches::new();
        for key in &keys {
            router.route(exchange, key.as_bytes(), &NoHeaders, &mut matches);
            for (at, pattern) in patterns.iter().enumerate() {
                prop_assert_eq!(matches.destinations().contains(&at), topic_matches_by_rows(pattern.as_bytes(), key.as_bytes()));
            }
        }
    }
}

fn all_of(words: &[&str]) -> Vec<String> {
    let mut all = vec![String::new()];
    let mut last = vec![Vec::new()];
    for _ in 0..5 {
        last = last
            .iter()
            .flat_map(|start: &Vec<&str>| words.iter().map(|word| [&start[..], &[*word]].concat()))
            .collect();
        all.extend(last.iter().map(|words| words.join(".")));
    }
    all
}
