//! The text of a page: its glyphs in the order of the page's program, with line breaks and spaces where their places say so.
//!
//! A PDF places glyphs and need not hold spaces. A glyph that stands off its predecessor's line by more than half its size, or far behind
//! it, begins a line; one that stands more than a fifth of its size after the end of its predecessor begins a word, unless both are of scripts
//! that do not part words.

use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_cmap::BfString;
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect, Vec2};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageDrawProps, InterpreterCache, InterpreterSettings, SoftMask,
    interpret_page,
};

/// Shares of the glyph's size.
const NEW_LINE: f64 = 0.5;
const NEW_WORD: f64 = 0.2;
/// Glyph outlines and widths are given in thousandths of the size.
const EM: f64 = 1000.0;

/// Extracts. Glyphs without a Unicode value leave nothing.
pub fn extract(page: &Page<'_>) -> String {
    let cache = InterpreterCache::new();
    let mut context = Context::new(
        Affine::IDENTITY,
        Rect::new(0.0, 0.0, 1.0, 1.0),
        &cache,
        page.xref(),
        InterpreterSettings::default(),
    );
    let mut writer = Writer::default();
    interpret_page(page, &mut context, &mut writer);
    writer.text.truncate(writer.text.trim_end().len());
    writer.text
}

#[derive(Default)]
struct Writer {
    text: String,
    last: Option<Placed>,
}

/// Where the last glyph ended.
#[derive(Clone, Copy)]
struct Placed {
    start: Point,
    end: Point,
    size: f64,
}

impl Writer {
    fn push(&mut self, text: &str, at: Placed) {
        if let Some(last) = self.last
            && let Some(before) = self.text.chars().next_back()
            && !before.is_whitespace()
        {
            let size = at.size.max(last.size).max(f64::MIN_POSITIVE);
            // Along the writing direction of the last glyph, and across it.
            let direction = last.end - last.start;
            let direction = if direction.hypot() > 0.0 {
                direction.normalize()
            } else {
                Vec2::new(1.0, 0.0)
            };
            let step = at.start - last.end;
            let (along, across) = (step.dot(direction), step.cross(direction).abs());
            if across > NEW_LINE * size || along < -2.0 * size {
                self.text.push('\n');
            } else if along > NEW_WORD * size && !(unparted(before) && text.chars().next().is_some_and(unparted)) {
                self.text.push(' ');
            }
        }
        self.text.push_str(text);
        self.last = Some(at);
    }
}

/// Characters of scripts that put no space between words.
fn unparted(char: char) -> bool {
    matches!(char, '\u{3000}'..='\u{30ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}' | '\u{f900}'..='\u{faff}' | '\u{ff00}'..='\u{ffef}')
}

impl<'a> Device<'a> for Writer {
    fn draw_glyph_run(&mut self, run: &GlyphRun<'_, 'a>, props: DrawProps<'a>, _: &DrawMode) {
        for glyph in run.glyphs() {
            let Some(unicode) = glyph.as_unicode() else { continue };
            let place = props.transform * glyph.transform();
            let advance = match &**glyph {
                hayro_interpret::font::Glyph::Outline(outline) => outline.advance_width().map(f64::from),
                hayro_interpret::font::Glyph::Type3(drawn) => drawn.advance_width().map(f64::from),
            };
            let start = place * Point::ZERO;
            let at = Placed {
                start,
                end: place * Point::new(advance.unwrap_or(EM / 2.0), 0.0),
                size: (place * Point::new(0.0, EM) - start).hypot(),
            };
            match unicode {
                BfString::Char(char) => self.push(char.encode_utf8(&mut [0; 4]), at),
                BfString::String(text) => self.push(&text, at),
            }
        }
    }

    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn draw_image(&mut self, _: Image<'a, '_>, _: ImageDrawProps<'a>) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
