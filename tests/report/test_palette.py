import pytest

from thalweg.report.palette import DARK, HUES, LIGHT, contrast, style_contenders

# WCAG 2.2: 4.5 : 1 for text (1.4.3), 3 : 1 for what must be seen to understand a picture (1.4.11).
TEXT, PICTURE = 4.5, 3.0


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_stands_out(theme):
    for back in (theme.paper, theme.panel):
        assert contrast(theme.ink, back) >= TEXT
        assert contrast(theme.quiet, back) >= TEXT
    assert contrast(theme.accent, theme.paper) >= TEXT
    assert contrast(theme.warn, theme.warn_paper) >= TEXT
    assert contrast(theme.warn, theme.paper) >= TEXT
    assert contrast(theme.ink, theme.warn_paper) >= TEXT
    assert contrast(theme.ink, theme.good) >= TEXT
    assert contrast(theme.ink, theme.bad) >= TEXT


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_text_on_the_heat_map_stands_out(theme):
    for shade, ink in zip(theme.heat, theme.heat_ink, strict=True):
        assert contrast(ink, shade) >= TEXT


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_contenders_stand_out_from_the_paper_and_from_each_other(theme):
    assert len(theme.contenders) == HUES
    assert all(contrast(colour, theme.paper) >= PICTURE for colour in theme.contenders)
    assert len(set(theme.contenders)) == HUES


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_heat_map_runs_one_way(theme):
    steps = [contrast(shade, theme.paper) for shade in theme.heat]
    assert steps == sorted(steps, reverse=True)


def test_styles_are_all_different_up_to_fifteen_and_beyond():
    styles = style_contenders([f"rule {i}" for i in range(16)])
    assert len({(s.hue, s.hollow) for s in styles.values()}) == 16
    assert len({(s.shape, s.hollow) for s in styles.values()}) == 16
    assert len({(s.hue, s.dash) for s in styles.values()}) == 16


def test_black_on_white_is_twenty_one():
    assert contrast("#000000", "#ffffff") == pytest.approx(21.0)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)  # the published figure for this grey
