//! What cannot be a slot does not compile, and says why. `TRYBUILD=overwrite cargo test` renews the
//! messages.

#[test]
fn refused() {
    trybuild::TestCases::new().compile_fail("tests/ui/*.rs");
}
