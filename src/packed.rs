//! Texts of the sources that the binary holds compressed; the build script compresses them.

use std::io::Read;

use flate2::read::DeflateDecoder;

/// A compressed text: [`packed!`](crate::packed!) names its file.
#[derive(Debug, Clone, Copy)]
pub struct Packed(pub &'static [u8]);

impl Packed {
    /// The whole text, decompressed.
    pub fn text(self) -> String {
        let mut text = String::with_capacity(self.0.len() * 8);
        DeflateDecoder::new(self.0).read_to_string(&mut text).expect("the build script compresses texts");
        text
    }
}

/// The [`Packed`] text of a file of the repository, by its path.
#[macro_export]
macro_rules! packed {
    ($($path:expr),+) => {
        $crate::packed::Packed(include_bytes!(concat!(env!("OUT_DIR"), "/", $($path,)+ ".deflate")))
    };
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_packed_text_is_that_of_its_file() {
        assert_eq!(crate::packed!("src/explain/codes.md").text(), include_str!("explain/codes.md"));
        assert_eq!(crate::packed!("src/schema/", "plan.json").text(), include_str!("schema/plan.json"));
    }
}
