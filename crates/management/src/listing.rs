//! Listings: which of them, in which order, which page, which columns.

use core::cmp::Ordering;

use regex::RegexBuilder;
use serde_json::{Map, Value, json};
use warrener_codec::ShortStr;

use crate::call::Call;
use crate::limits::{COLUMNS, PAGE_SIZE, PATTERN_BYTES};
use crate::reply::{Failure, Reply};

/// Something that a listing has.
pub(crate) trait Listed {
    /// What it is looked for by.
    fn name(&self) -> String;

    /// What it is sorted by when nobody says: its virtual host and its name.
    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        (Vec::new(), self.name().into_bytes())
    }
}

/// Documents that are listed as they are.
impl Listed for Value {
    fn name(&self) -> String {
        self.get("name").and_then(Self::as_str).unwrap_or_default().to_owned()
    }

    fn rank(&self) -> (Vec<u8>, Vec<u8>) {
        let text = |name| self.get(name).and_then(Self::as_str).unwrap_or_default();
        (text("vhost").into(), text("name").into())
    }
}

/// Answers a listing. Only what is shown is made a document, unless it is sorted by what only documents have.
pub(crate) fn answer<T: Listed>(
    call: &Call,
    things: Vec<T>,
    json: impl Fn(&T) -> Value,
) -> Result<Reply, Failure> {
    answer_by(call, things, json, |_, _| None)
}

/// The same for things of which `key` knows what their documents have in a column, without making them.
pub(crate) fn answer_by<T: Listed>(
    call: &Call,
    mut things: Vec<T>,
    json: impl Fn(&T) -> Value,
    key: impl Fn(&T, &str) -> Option<Value>,
) -> Result<Reply, Failure> {
    let total = things.len();
    let page = page(call)?;
    filter(call, &mut things)?;
    let filtered = things.len();
    let reverse = call.is_asked("sort_reverse");
    let columns = columns(call)?;
    let shape = |value: Value| {
        columns.as_ref().map_or_else(|| value.clone(), |columns| pick(&value, columns))
    };
    let sort = call.asked("sort").filter(|sort| !sort.is_empty() && *sort != "name");
    let mut documents: Option<Vec<Value>> = None;
    match sort {
        None => {
            things.sort_by_cached_key(Listed::rank);
            if reverse {
                things.reverse();
            }
        }
        Some(sort) if things.first().is_none_or(|thing| key(thing, sort).is_some()) => {
            things = sorted_by(things, |thing| key(thing, sort).unwrap_or_default());
            if reverse {
                things.reverse();
            }
        }
        Some(sort) => {
            let mut all: Vec<Value> = things.iter().map(&json).collect();
            all.sort_by(|left, right| compare(at(left, sort), at(right, sort)));
            if reverse {
                all.reverse();
            }
            documents = Some(all);
        }
    }
    let shown = |range: core::ops::Range<usize>| -> Vec<Value> {
        match &documents {
            Some(all) => all[range].iter().cloned().map(shape).collect(),
            None => things[range].iter().map(&json).map(shape).collect(),
        }
    };
    let Some((page, size)) = page else { return Ok(Reply::Json(shown(0..filtered).into())) };
    let pages = filtered.div_ceil(size).max(1);
    if page > pages {
        let reason = format!("Page out of range, page: {page} page size: {size}, len: {filtered}");
        return Err(Failure::BadKind("page_out_of_range", reason));
    }
    let first = (page - 1) * size;
    let items = shown(first..filtered.min(first + size));
    Ok(Reply::Json(json!({
        "total_count": total,
        "filtered_count": filtered,
        "item_count": items.len(),
        "page": page,
        "page_size": size,
        "page_count": pages,
        "items": items,
    })))
}

/// Things in the order of their keys; those of one key stay as they are.
fn sorted_by<T>(things: Vec<T>, key: impl Fn(&T) -> Value) -> Vec<T> {
    let keys: Vec<Value> = things.iter().map(key).collect();
    let mut order: Vec<usize> = (0..things.len()).collect();
    order.sort_by(|left, right| compare(&keys[*left], &keys[*right]));
    let mut things: Vec<Option<T>> = things.into_iter().map(Some).collect();
    order.into_iter().filter_map(|place| things[place].take()).collect()
}

/// The columns of one document that are asked for.
pub(crate) fn one(call: &Call, value: Value) -> Result<Reply, Failure> {
    Ok(Reply::Json(match columns(call)? {
        None => value,
        Some(columns) => pick(&value, &columns),
    }))
}

/// Which page, from 1 on, and how many things it has.
fn page(call: &Call) -> Result<Option<(usize, usize)>, Failure> {
    let Some(page) = call.asked("page") else { return Ok(None) };
    let number = |text: &str| text.parse::<u64>().ok().filter(|number| *number > 0);
    let page = number(page).ok_or_else(|| {
        Failure::BadKind("invalid_page_number", format!("Page number is not valid: {page}"))
    })?;
    let size = call.asked("page_size").unwrap_or("100");
    let size = number(size).filter(|size| *size <= PAGE_SIZE).ok_or_else(|| {
        let reason = format!("Page size is not valid: {size}. The maximum is {PAGE_SIZE}");
        Failure::BadKind("invalid_page_size", reason)
    })?;
    Ok(Some((usize::try_from(page).unwrap_or(usize::MAX), size as usize)))
}

fn filter<T: Listed>(call: &Call, things: &mut Vec<T>) -> Result<(), Failure> {
    let Some(name) = call.asked("name").filter(|name| !name.is_empty()) else { return Ok(()) };
    if call.is_asked("use_regex") {
        let pattern =
            RegexBuilder::new(name).case_insensitive(true).size_limit(PATTERN_BYTES).build();
        let pattern = pattern.map_err(|_| {
            Failure::BadKind("invalid_regex", format!("Not a regular expression: {name}"))
        })?;
        things.retain(|thing| pattern.is_match(&thing.name()));
    } else {
        let wanted = name.to_lowercase();
        things.retain(|thing| thing.name().to_lowercase().contains(&wanted));
    }
    Ok(())
}

fn columns(call: &Call) -> Result<Option<Vec<Vec<String>>>, Failure> {
    let Some(text) = call.asked("columns").filter(|text| !text.is_empty()) else { return Ok(None) };
    let columns: Vec<Vec<String>> =
        text.split(',').map(|path| path.split('.').map(str::to_owned).collect()).collect();
    if columns.iter().map(Vec::len).sum::<usize>() > COLUMNS {
        return Err(Failure::bad("too many columns"));
    }
    Ok(Some(columns))
}

fn pick(value: &Value, columns: &[Vec<String>]) -> Value {
    let mut picked = Map::new();
    for path in columns {
        let Some(found) = path.iter().try_fold(value, |value, step| value.get(step)) else {
            continue;
        };
        let (last, steps) = path.split_last().expect("a path has a step");
        let mut place = &mut picked;
        for step in steps {
            let inner = place.entry(step.clone()).or_insert_with(|| Value::Object(Map::new()));
            match inner {
                Value::Object(inner) => place = inner,
                _ => return Value::Object(picked),
            }
        }
        place.insert(last.clone(), found.clone());
    }
    Value::Object(picked)
}

/// What a document has at `a.b.c`.
pub(crate) fn at<'v>(value: &'v Value, path: &str) -> &'v Value {
    path.split('.').try_fold(value, |value, step| value.get(step)).unwrap_or(&Value::Null)
}

/// Numbers before everything else, as RabbitMQ sorts; what is not there counts as 0.
fn compare(left: &Value, right: &Value) -> Ordering {
    let class = |value: &Value| match value {
        Value::Null | Value::Number(_) => 0,
        Value::Bool(_) => 1,
        Value::Object(_) => 2,
        Value::Array(_) => 3,
        Value::String(_) => 4,
    };
    let number = |value: &Value| value.as_f64().unwrap_or_default();
    class(left).cmp(&class(right)).then_with(|| match (left, right) {
        (Value::String(left), Value::String(right)) => left.cmp(right),
        (Value::Bool(left), Value::Bool(right)) => left.cmp(right),
        _ => number(left).total_cmp(&number(right)),
    })
}

/// A name as text; octets that are none become question marks of Unicode.
pub(crate) fn text(name: &ShortStr) -> String {
    String::from_utf8_lossy(name.as_bytes()).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(values: &[Value]) -> Vec<Value> {
        sorted_by(values.to_vec(), Value::clone)
    }

    #[test]
    fn numbers_come_first_and_what_is_missing_counts_as_zero() {
        let values =
            [json!("b"), json!(2), json!([]), json!({}), json!(true), Value::Null, json!(-1)];
        let order =
            [json!(-1), Value::Null, json!(2), json!(true), json!({}), json!([]), json!("b")];
        assert_eq!(sorted(&values), order);
    }

    #[test]
    fn things_of_one_key_stay_in_their_order() {
        let things = vec![(1, "a"), (0, "b"), (1, "c"), (0, "d")];
        let names: Vec<&str> =
            sorted_by(things, |(key, _)| json!(key)).into_iter().map(|(_, name)| name).collect();
        assert_eq!(names, ["b", "d", "a", "c"]);
    }

    #[test]
    fn columns_are_picked_with_what_they_are_in() {
        let document = json!({ "a": { "b": { "c": 1, "d": 2 } }, "e": 3, "f": 4 });
        let paths = |text: &str| -> Vec<Vec<String>> {
            text.split(',').map(|path| path.split('.').map(str::to_owned).collect()).collect()
        };
        assert_eq!(pick(&document, &paths("a.b.c,e")), json!({ "a": { "b": { "c": 1 } }, "e": 3 }));
        assert_eq!(pick(&document, &paths("a,nowhere,e.deeper")), json!({ "a": document["a"] }));
        assert_eq!(pick(&document, &paths("e,e.f")), json!({ "e": 3 }));
    }

    #[test]
    fn what_lies_deep_is_found_by_its_path() {
        let document = json!({ "a": { "b": 1 } });
        assert_eq!(at(&document, "a.b"), &json!(1));
        assert_eq!(at(&document, "a.b.c"), &Value::Null);
        assert_eq!(at(&document, "nowhere"), &Value::Null);
    }
}
