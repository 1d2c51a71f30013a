//! An order, parsed from text.

/// An order: `sku:quantity:cents;…`, with or without a `;` at the end.
#[derive(Debug, PartialEq, Eq)]
pub struct Order<'a> {
    pub lines: Vec<Line<'a>>,
}

/// A line of an order: a quantity, and a price per piece in cents.
#[derive(Debug, PartialEq, Eq)]
pub struct Line<'a> {
    pub sku: &'a str,
    pub quantity: u32,
    pub cents: u64,
}

impl<'a> Order<'a> {
    /// Parses an order; `None` if any line is invalid.
    pub fn parse(text: &'a str) -> Option<Self> {
        let lines = text.split_terminator(';').map(Line::parse).collect::<Option<_>>()?;
        Some(Self { lines })
    }
}

impl<'a> Line<'a> {
    fn parse(text: &'a str) -> Option<Self> {
        let mut fields = text.split(':').map(str::trim);
        let line = Self {
            sku: fields.next().filter(|sku| !sku.is_empty())?,
            quantity: fields.next()?.parse().ok()?,
            cents: fields.next()?.parse().ok()?,
        };
        fields.next().is_none().then_some(line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_read() {
        let order = Order::parse("apple:3:100; pear:1:250;").unwrap();
        assert_eq!(
            order.lines,
            [Line { sku: "apple", quantity: 3, cents: 100 }, Line { sku: "pear", quantity: 1, cents: 250 }]
        );
    }

    #[test]
    fn one_wrong_line_spoils_the_order() {
        assert_eq!(Order::parse("apple:3:100;;pear:1:250"), None);
        assert_eq!(Order::parse("apple:3:100;pear:-1:250"), None);
    }
}
