//! Every publish is confirmed once, none that was not made, and refused only where something may refuse it.

use std::collections::BTreeMap;

use crate::history::{Happened, Story};

use super::happened;
use super::terms::Terms;

pub(super) fn check(story: &Story) -> Result<(), String> {
    let terms = Terms::of(story);
    let mut waiting = BTreeMap::new();
    for happened in happened(story) {
        match happened {
            Happened::Published(published) if published.tag > 0 => {
                waiting.insert((published.by, published.tag), published);
            }
            Happened::Confirmed { by, tag, multiple, accepted } => {
                let first = if *multiple { 1 } else { *tag };
                let told: Vec<_> =
                    waiting.range((*by, first)..=(*by, *tag)).map(|(key, _)| *key).collect();
                if told.last() != Some(&(*by, *tag)) {
                    return Err(format!("{by} is told of tag {tag}, which does not wait"));
                }
                for key in told {
                    let published = waiting.remove(&key).expect("it was just there");
                    let may_refuse = published.to.iter().any(|it| terms.may(*it, |it| it.refuses));
                    if !accepted && !may_refuse {
                        return Err(format!("{} was refused, and no queue refuses", published.id));
                    }
                }
            }
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::check;
    use crate::check::testing::{ALICE, confirmed, published, refused, story, story_in};
    use crate::history::Happened;
    use crate::workload::QueueDesign;

    #[test]
    fn finds_a_second_confirm() {
        assert!(check(&story([published(1), confirmed(1)])).is_ok());
        assert!(check(&story([published(1), confirmed(1), confirmed(1)])).is_err());
        assert!(check(&story([confirmed(1)])).is_err());
    }

    #[test]
    fn finds_a_confirm_of_what_is_still_to_come() {
        let all = Happened::Confirmed { by: ALICE, tag: 2, multiple: true, accepted: true };
        assert!(check(&story([published(1), published(2), all.clone()])).is_ok());
        assert!(check(&story([published(1), all.clone()])).is_err());
        assert!(check(&story([published(1), published(2), all, confirmed(1)])).is_err());
    }

    #[test]
    fn finds_a_refusal_by_nobody() {
        let full = QueueDesign { max_length: Some(1), refuses: true, ..QueueDesign::default() };
        assert!(check(&story_in(full, [published(1), refused(1)])).is_ok());
        assert!(check(&story([published(1), refused(1)])).is_err());
    }
}
