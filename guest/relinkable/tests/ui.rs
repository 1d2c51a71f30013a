//! Functions that cannot be slots do not compile, and the messages say why. `TRYBUILD=overwrite cargo test` updates the
//! expected messages.

#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
