//! Promotions for the price plugin: each function implements its slot `pricing::discount`, and returns the discount on a line
//! of an order, in cents.

/// 10 % off everything.
#[unsafe(no_mangle)]
pub extern "C" fn ten_percent_off(cents: u64, _quantity: u32) -> u64 {
    percent(cents, 10)
}

/// 15 % off from 10 pieces on, 25 % from 100.
#[unsafe(no_mangle)]
pub extern "C" fn bulk_discount(cents: u64, quantity: u32) -> u64 {
    match quantity {
        0..10 => 0,
        10..100 => percent(cents, 15),
        100.. => percent(cents, 25),
    }
}

/// 30 % off, at most 50.00 per line.
#[unsafe(no_mangle)]
pub extern "C" fn black_friday(cents: u64, _quantity: u32) -> u64 {
    percent(cents, 30).min(5000)
}

/// A percentage of a price, rounded down, without overflow.
fn percent(cents: u64, percent: u64) -> u64 {
    cents / 100 * percent + cents % 100 * percent / 100
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_is_cheaper() {
        assert_eq!(ten_percent_off(1000, 1), 100);
        assert_eq!(ten_percent_off(9, 1), 0);
    }

    #[test]
    fn more_is_cheaper() {
        assert_eq!([9, 10, 99, 100].map(|quantity| bulk_discount(1000, quantity)), [0, 150, 150, 250]);
    }

    #[test]
    fn black_friday_has_a_limit() {
        assert_eq!(black_friday(1000, 1), 300);
        assert_eq!(black_friday(1_000_000, 1), 5000);
    }

    #[test]
    fn the_greatest_price_does_not_overflow() {
        assert_eq!(percent(u64::MAX, 100), u64::MAX);
    }
}
