//! A plot as SVG, with logarithmic axes. It has a background of its own, so that it can be read on light and on dark
//! pages.

use anyhow::anyhow;
use plotters::prelude::*;

use super::series::{Line, Plot};

const SIZE: (u32, u32) = (760, 460);
const FONT: &str = "sans-serif";
const INK: RGBColor = RGBColor(0x24, 0x29, 0x2f);

/// Colours that people with a colour-vision deficiency tell apart (Okabe and Ito, 2008), darkest first.
const COLOURS: [RGBColor; 5] = [
    RGBColor(0x00, 0x72, 0xb2),
    RGBColor(0x80, 0x80, 0x80),
    RGBColor(0x00, 0x9e, 0x73),
    RGBColor(0xd5, 0x5e, 0x00),
    RGBColor(0xcc, 0x79, 0xa7),
];

/// Draws the lines of a plot.
pub(super) fn svg(plot: &Plot, lines: &[Line]) -> anyhow::Result<String> {
    let mut svg = String::new();
    draw(plot, lines, &mut svg).map_err(|error| anyhow!("{}: {error}", plot.file))?;
    Ok(svg + "\n")
}

fn draw(plot: &Plot, lines: &[Line], svg: &mut String) -> Result<(), Box<dyn std::error::Error>> {
    let points = || lines.iter().flat_map(|line| line.points.iter().copied());
    let (files, times) = (decades(points().map(|point| point.0)), decades(points().map(|point| point.1)));
    let area = SVGBackend::with_string(svg, SIZE).into_drawing_area();
    area.fill(&WHITE)?;
    let mut chart = ChartBuilder::on(&area)
        .caption(plot.title, (FONT, 20).into_font().color(&INK))
        .margin(14)
        .margin_right(40)
        .x_label_area_size(48)
        .y_label_area_size(72)
        .build_cartesian_2d(files.log_scale(), times.log_scale())?;
    chart
        .configure_mesh()
        .x_desc("files")
        .y_desc("time, median")
        .axis_desc_style((FONT, 15).into_font().color(&INK))
        .label_style((FONT, 14).into_font().color(&INK))
        .bold_line_style(INK.mix(0.18))
        .light_line_style(INK.mix(0.06))
        .x_label_formatter(&|files| count(*files))
        .y_label_formatter(&|seconds| time(*seconds))
        .draw()?;
    for line in lines {
        let colour = COLOURS.get(line.place).copied().unwrap_or(INK);
        let style = colour.stroke_width(2);
        chart
            .draw_series(LineSeries::new(line.points.iter().copied(), style))?
            .label(line.name.as_str())
            .legend(move |(x, y)| PathElement::new([(x, y), (x + 22, y)], style));
        chart.draw_series(line.points.iter().map(|point| Circle::new(*point, 3, colour.filled())))?;
    }
    chart
        .configure_series_labels()
        .position(SeriesLabelPosition::UpperLeft)
        .margin(12)
        .legend_area_size(30)
        .label_font((FONT, 14).into_font().color(&INK))
        .background_style(WHITE.mix(0.9))
        .border_style(INK.mix(0.2))
        .draw()?;
    area.present()?;
    Ok(())
}

/// The decades that hold all values.
fn decades(values: impl Iterator<Item = f64>) -> std::ops::Range<f64> {
    let (min, max) =
        values.fold((f64::INFINITY, 0.0_f64), |(min, max), value| (min.min(value), max.max(value)));
    // Begin a little below the first decade. Otherwise its label is left out.
    10_f64.powf(min.log10().floor()) * 0.999..10_f64.powf(max.log10().ceil())
}

fn count(files: f64) -> String {
    if files >= 1000.0 { format!("{},000", files / 1000.0) } else { files.to_string() }
}

/// A time with the unit in which a decade has few digits.
fn time(seconds: f64) -> String {
    let rounded = |value: f64| (value * 1000.0).round() / 1000.0;
    if seconds < 0.001 {
        format!("{} µs", rounded(seconds * 1e6))
    } else if seconds < 1.0 {
        format!("{} ms", rounded(seconds * 1e3))
    } else {
        format!("{} s", rounded(seconds))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn axes_begin_and_end_at_decades() {
        let range = decades([0.0025, 0.7].into_iter());
        assert!((range.start - 0.001).abs() < 1e-5 && (range.end - 1.0).abs() < 1e-9, "{range:?}");
        assert_eq!((count(100.0), count(50_000.0)), ("100".to_owned(), "50,000".to_owned()));
        assert_eq!([0.0001, 0.01, 10.0].map(time), ["100 µs", "10 ms", "10 s"]);
    }
}
