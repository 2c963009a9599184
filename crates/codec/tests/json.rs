//! Tables as JSON (feature `serde`).

use warrener_codec::{ArrayBuilder, Decimal, Table, TableBuilder, Value};

#[test]
fn every_type_has_a_json_form() {
    let inner = TableBuilder::new().with("a", true).build().unwrap();
    let list = ArrayBuilder::new().with(1i8).with(&inner).with(Value::Void).build().unwrap();
    let table = TableBuilder::new()
        .with("text", "hello")
        .with("octets", &[0xFFu8, 1][..])
        .with("bytes", Value::Bytes(b"ascii"))
        .with("small", -1i8)
        .with("big", i64::MIN)
        .with("unsigned", u32::MAX)
        .with("float", 1.5f32)
        .with("double", 0.25f64)
        .with("decimal", Decimal { scale: 2, value: 5 })
        .with("time", Value::Timestamp(1_700_000_000))
        .with("list", &list)
        .with("text", "hidden by the first")
        .build()
        .unwrap();
    assert_eq!(
        serde_json::to_string(&table).unwrap(),
        r#"{"text":"hello","octets":[255,1],"bytes":"ascii","small":-1,"big":-9223372036854775808,"unsigned":4294967295,"float":1.5,"double":0.25,"decimal":"0.05","time":1700000000,"list":[1,{"a":true},null]}"#
    );
}

#[test]
fn json_becomes_the_types_that_management_makes_of_it() {
    let json = r#"{"s":"x","i":5,"n":-5,"d":0.5,"b":false,"v":null,"l":[1,[2]],"t":{"k":"v"}}"#;
    let table: Table = serde_json::from_str(json).unwrap();
    assert_eq!(table.get("s"), Some(Value::LongStr(b"x")));
    assert_eq!(table.get("i"), Some(Value::I64(5)));
    assert_eq!(table.get("n"), Some(Value::I64(-5)));
    assert_eq!(table.get("d"), Some(Value::F64(0.5)));
    assert_eq!(table.get("b"), Some(Value::Bool(false)));
    assert_eq!(table.get("v"), Some(Value::Void));
    assert_eq!(format!("{:?}", table.get("l").unwrap()), "[1i64, [2i64]]");
    assert_eq!(table.get("t").unwrap().as_table().unwrap().get("k"), Some(Value::LongStr(b"v")));
}

#[test]
fn json_that_is_no_table_is_refused() {
    let long = format!("{{\"{}\":1}}", "k".repeat(256));
    for json in ["[]", "5", "null", r#"{"n":18446744073709551615}"#, &long] {
        assert!(serde_json::from_str::<Table>(json).is_err(), "{json}");
    }
}
