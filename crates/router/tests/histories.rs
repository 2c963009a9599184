//! Random histories of binding, unbinding and routing agree with the model.

use proptest::prelude::*;
use warrener_router::fuzzing::history;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn random_histories_agree_with_the_model(
        bytes in proptest::collection::vec(any::<u8>(), 0..3_000),
    ) {
        history(&bytes);
    }
}
