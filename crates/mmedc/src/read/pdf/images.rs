//! The images of a page that may be text: those that cover a good part of it, in the order in which they are drawn.
//!
//! A scan is one image a page, or a few strips. They are taken as they are stored; a page that draws its text as curves has none.

use hayro_interpret::font::GlyphRun;
use hayro_interpret::hayro_syntax::page::Page;
use hayro_interpret::kurbo::{Affine, BezPath, Point, Rect};
use hayro_interpret::{
    BlendMode, ClipPath, Context, Device, DrawMode, DrawProps, Image, ImageData, ImageDrawProps, InterpreterCache, InterpreterSettings,
    SoftMask, interpret_page,
};

/// Share of the page that an image covers at least; smaller ones are figures and marks.
const SMALLEST_SHARE: f64 = 0.05;
/// Most pixels of an image that is taken: an A3 page at 1200 dots per inch.
const MOST_PIXELS: u64 = 280_000_000;

/// A picture in the simplest format that Tesseract reads: binary PGM or PPM.
pub struct Pnm(pub Vec<u8>);

/// Extracts.
pub fn extract(page: &Page<'_>) -> Vec<Pnm> {
    let cache = InterpreterCache::new();
    let mut context = Context::new(
        Affine::IDENTITY,
        Rect::new(0.0, 0.0, 1.0, 1.0),
        &cache,
        page.xref(),
        InterpreterSettings::default(),
    );
    let (width, height) = page.base_dimensions();
    let mut collector = Collector {
        page_area: f64::from(width) * f64::from(height),
        images: Vec::new(),
    };
    interpret_page(page, &mut context, &mut collector);
    collector.images
}

struct Collector {
    page_area: f64,
    images: Vec<Pnm>,
}

fn pnm(kind: &str, width: u32, height: u32, data: &[u8]) -> Pnm {
    let mut bytes = format!("{kind}\n{width} {height}\n255\n").into_bytes();
    bytes.extend_from_slice(data);
    Pnm(bytes)
}

impl<'a> Device<'a> for Collector {
    fn draw_image(&mut self, image: Image<'a, '_>, props: ImageDrawProps<'a>) {
        let (width, height) = (image.width(), image.height());
        if u64::from(width) * u64::from(height) > MOST_PIXELS {
            return;
        }
        // The transform places pixels: the image's corners are (0, 0) and (width, height).
        let corner = |x: u32, y: u32| props.transform * Point::new(f64::from(x), f64::from(y));
        let area = (corner(width, 0) - corner(0, 0)).cross(corner(0, height) - corner(0, 0)).abs();
        if area < SMALLEST_SHARE * self.page_area {
            return;
        }
        match image {
            // A stencil paints where it is set: dark on white paper.
            Image::Stencil(stencil) => stencil.with_stencil(
                |luma, _| {
                    let paper: Vec<u8> = luma.data.iter().map(|ink| 255 - ink).collect();
                    self.images.push(pnm("P5", luma.width, luma.height, &paper));
                },
                None,
            ),
            Image::Raster(raster) => raster.with_rgba(
                |data, _| {
                    self.images.push(match data {
                        ImageData::Rgb(rgb) => pnm("P6", rgb.width, rgb.height, &rgb.data),
                        ImageData::Luma(luma) => pnm("P5", luma.width, luma.height, &luma.data),
                    });
                },
                None,
            ),
        }
    }

    fn draw_glyph_run(&mut self, _: &GlyphRun<'_, 'a>, _: DrawProps<'a>, _: &DrawMode) {}
    fn draw_path(&mut self, _: &BezPath, _: DrawProps<'a>, _: &DrawMode) {}
    fn push_clip_path(&mut self, _: &ClipPath) {}
    fn push_transparency_group(&mut self, _: f32, _: Option<SoftMask<'a>>, _: BlendMode) {}
    fn pop_clip(&mut self) {}
    fn pop_transparency_group(&mut self) {}
}
