//! Patterns: what is found in names, compared with another engine, and how much it may cost.

use fancy_regex::{BytesMode, RegexBuilder};
use proptest::prelude::*;
use warrener_broker::{Pattern, Verdict};

/// Pieces that both engines understand in the same way, over a small alphabet, so that much is found.
fn atom() -> impl Strategy<Value = String> {
    prop_oneof![
        "[abc]",
        Just(".".to_owned()),
        Just("[ab]".to_owned()),
        Just("[^a]".to_owned()),
        Just("\\w".to_owned()),
        Just("\\b".to_owned()),
        Just("^".to_owned()),
        Just("$".to_owned()),
        Just("(?i:B)".to_owned()),
    ]
}

fn pattern() -> impl Strategy<Value = String> {
    atom().prop_recursive(4, 24, 4, |inner| {
        let many = prop::collection::vec(inner.clone(), 1..4);
        prop_oneof![
            many.clone().prop_map(|parts| parts.concat()),
            many.prop_map(|parts| format!("(?:{})", parts.join("|"))),
            inner.clone().prop_map(|part| format!("({part})")),
            (inner.clone(), "\\*|\\+|\\?|\\{2\\}|\\{1,2\\}|\\*\\?|\\+\\?")
                .prop_map(|(part, times)| format!("(?:{part}){times}")),
            inner.clone().prop_map(|part| format!("(?={part})")),
            inner.clone().prop_map(|part| format!("(?!{part})")),
            inner.clone().prop_map(|part| format!("(?>{part})")),
            inner.prop_map(|part| format!("(?:{part})?+")),
            "[abc]{1,2}".prop_map(|text| format!("(?<={text})")),
            "[abc]{1,2}".prop_map(|text| format!("(?<!{text})")),
        ]
    })
}

fn other_engine(text: &str, name: &[u8]) -> Option<bool> {
    let regex = RegexBuilder::new(text).bytes_mode(BytesMode::Ascii).unicode_mode(false).build();
    regex.ok()?.is_match(name).ok()
}

fn ours(text: &str, name: &[u8]) -> Option<bool> {
    match Pattern::compile(text).ok()?.test(name) {
        Verdict::Matches => Some(true),
        Verdict::Differs => Some(false),
        Verdict::GaveUp => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_000))]

    #[test]
    fn another_engine_finds_the_same(text in pattern(), names in prop::collection::vec("[abcB]{0,8}", 4)) {
        for name in names {
            if let (Some(own), Some(other)) = (ours(&text, name.as_bytes()), other_engine(&text, name.as_bytes())) {
                prop_assert_eq!(own, other, "{} in {}", text, name);
            }
        }
    }

    #[test]
    fn a_group_comes_again(head in "[ab]{1,4}", tail in "[ab]{0,4}") {
        let twice = format!("{head}{head}{tail}");
        prop_assert_eq!(ours("^(.+)\\1", twice.as_bytes()), Some(true));
        let text = format!("{head}c{tail}");
        prop_assert_eq!(ours("^([ab]+)c\\1$", text.as_bytes()), Some(head == tail));
    }

    /// Whatever a user writes is compiled or refused, and a search of any name ends.
    #[test]
    fn no_text_stops_us(text in "[ab().|*+?\\[\\]{}0-9^$\\\\=!<>:,kgPQE'#-]{0,40}", name in "[ab]{0,40}") {
        if let Ok(pattern) = Pattern::compile(&text) {
            let _ = pattern.test(name.as_bytes());
        }
    }
}

#[test]
fn what_pcre_knows_is_known() {
    for (text, name, found) in [
        ("\\Qa.b\\E$", "xa.b", true),
        ("\\Qa.b\\E", "axb", false),
        ("a++b", "aaab", true),
        ("a++a", "aaa", false),
        ("(?P<n>a)(?P=n)", "aa", true),
        ("(?<n>a)\\k<n>", "ab", false),
        ("(?'n'a)\\g{n}", "aa", true),
        ("(a)\\g{-1}", "aa", true),
        ("^(?:(a)|b)(?(1)c|d)$", "ac", true),
        ("^(?:(a)|b)(?(1)c|d)$", "bc", false),
        ("^(?(?=a)ab|cd)$", "cd", true),
        ("^(?(?!a)ab|cd)$", "ab", false),
        ("(?<=a|bc)d", "bcd", true),
        ("(?<!a|bc)d", "bcd", false),
        ("(?i)QUEUE", "my-queue", true),
        ("(?i)(a)\\1", "aA", true),
        ("(?x) a # one\n b", "ab", true),
        ("a{,3}", "a{,3}", true),
        ("a{2}b", "aab", true),
        ("[]a]", "]", true),
        ("[a\\-z]", "-", true),
        ("[\\w-]+$", "a-b", true),
        ("\\x2Eb", "a.b", true),
        ("\\056b", "a.b", true),
        ("[[:upper:]][[:^upper:]]", "Ab", true),
        ("^\\N+$", "ab", true),
        ("a(?#comment)b", "ab", true),
        ("(?U)^a+$", "aa", true),
        ("^(?>a|ab)c", "abc", false),
    ] {
        assert_eq!(ours(text, name.as_bytes()), Some(found), "{text} in {name}");
    }
}

#[test]
fn what_can_be_linear_always_ends() {
    let name = [b'a'; 255];
    for text in
        ["^(a+)+$", "^(a|aa)+$", "(a*)*b", "(x+x+)+y", "^(?:a?){100}a{100}$", "(.*)(.*)(.*)(.*)b$"]
    {
        assert!(ours(text, &name).is_some(), "{text}");
    }
}

#[test]
fn the_rest_gives_up_rather_than_going_on() {
    let name = [b'a'; 255];
    for text in
        ["^(a|aa)+\\1b", "(?:(?=(a*))a){100}z", "((a*)*)*\\1z", "(?=(.*)(.*)(.*)(.*)\\1\\2x)"]
    {
        assert_eq!(
            Pattern::compile(text).expect("a pattern").test(&name),
            Verdict::GaveUp,
            "{text}"
        );
    }
    // Look-ahead alone does not make a pattern costly.
    assert!(ours("^(?!amq\\.).*", &name).is_some());
}
