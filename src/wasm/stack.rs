//! The number of values on a function's stack.

use wasmparser::{FuncValidatorAllocations, Result, ValidPayload, Validator, WasmFeatures};

/// The greatest number of values that a function of the module holds at once: parameters, locals and operands.
///
/// # Errors
/// `BinaryReaderError` for bytes that are not a valid module.
pub fn most_values(bytes: &[u8]) -> Result<usize> {
    let mut validator = Validator::new_with_features(WasmFeatures::all());
    let (mut most, mut allocations) = (0, FuncValidatorAllocations::default());
    for payload in wasmparser::Parser::new(0).parse_all(bytes) {
        let ValidPayload::Func(function, body) = validator.payload(&payload?)? else { continue };
        let mut function = function.into_validator(allocations);
        let mut reader = body.get_binary_reader();
        function.read_locals(&mut reader)?;
        let (mut operands, mut values) = (0, function.len_locals() as usize);
        while !reader.eof() {
            reader.visit_operator(&mut function.visitor(reader.original_position()))??;
            operands = operands.max(function.operand_stack_height() as usize);
        }
        values += operands;
        most = most.max(values);
        allocations = function.into_allocations();
    }
    Ok(most)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_locals_and_operands_count() {
        let most = |text: &str| most_values(&wat::parse_str(text).unwrap()).unwrap();
        assert_eq!(most("(module)"), 0);
        assert_eq!(most("(module (func (param i32 i64) (local f32)))"), 3);
        let deep = "(module (func (param i32) local.get 0 i32.const 1 i32.const 2 i32.add i32.add drop) (func))";
        assert_eq!(most(deep), 4);
        assert_eq!(most("(module (func $f (result i32 i32) i32.const 1 i32.const 2) (func call $f drop drop))"), 2);
        assert!(most_values(b"\0asm").is_err());
    }
}
