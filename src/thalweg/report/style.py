"""The style sheet of reports: one column of prose and figures, light and dark, screen and paper."""

from thalweg.report.palette import DARK, LIGHT, Theme

__all__ = ["style_sheet"]


def _variables(theme: Theme) -> str:
    plain = {
        "paper": theme.paper, "panel": theme.panel, "ink": theme.ink, "quiet": theme.quiet, "line": theme.line,
        "grid": theme.grid,
        "context": theme.context, "accent": theme.accent, "warn": theme.warn, "warn-paper": theme.warn_paper,
        "good": theme.good, "bad": theme.bad,
    }  # fmt: skip
    plain |= {f"h{i}": colour for i, colour in enumerate(theme.heat)}
    plain |= {f"t{i}": colour for i, colour in enumerate(theme.heat_ink)}
    plain |= {f"c{i}": colour for i, colour in enumerate(theme.contenders)}
    return "".join(f"--{name}:{colour};" for name, colour in plain.items())


BASE = """
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%}
body{margin:0;background:var(--paper);color:var(--ink);
font:16px/1.55 system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,sans-serif}
main{max-width:1260px;margin:0 auto;padding:40px 28px 72px}
h1,h2,.verdict{font-family:"Iowan Old Style","Palatino Linotype",Palatino,Charter,"Source Serif 4",
"Liberation Serif",Georgia,serif;text-wrap:balance}
h1{font-size:clamp(1.9rem,4.4vw,2.9rem);line-height:1.12;margin:.15em 0 .4em;font-weight:600;letter-spacing:-.012em;
overflow-wrap:anywhere}
h2{font-size:1.55rem;line-height:1.2;margin:2.6em 0 .5em;font-weight:600;overflow-wrap:anywhere}
h4{font-size:.86rem;margin:1em 0 .2em}
h3{font-size:1.02rem;margin:0 0 .2em;font-weight:650}
p{margin:.4em 0 .9em;max-width:74ch}
.verdicts{padding-left:1.15em;margin:0 0 1.2em}.verdicts li{margin:.35em 0;max-width:95ch;overflow-wrap:anywhere}
nav{margin:.2em 0 .4em;font-size:.92rem;line-height:1.9}
.over{font-size:.8rem;letter-spacing:.09em;text-transform:uppercase;color:var(--quiet);margin:0}
.verdict{font-size:clamp(1.15rem,2.3vw,1.42rem);line-height:1.45;max-width:46em;margin:0 0 1em;
overflow-wrap:anywhere;text-wrap:pretty}
.meta,figcaption p,.note{color:var(--quiet);font-size:.9rem}
.meta{overflow-wrap:anywhere}
a{color:var(--accent)}
nav a{margin-right:1.2em;white-space:nowrap}
.warnings{background:var(--warn-paper);border-left:4px solid var(--warn);border-radius:0 6px 6px 0;
padding:14px 20px 8px;margin:1.4em 0}
.warnings h2{font:650 1.02rem/1.4 system-ui,sans-serif;margin:0 0 .35em;color:var(--warn)}
.warnings ul{margin:0;padding-left:1.15em}.warnings li{margin:.3em 0;max-width:95ch;overflow-wrap:anywhere}
.fine{border-left:4px solid var(--line);padding:2px 20px;color:var(--quiet)}
.card{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(164px,100%),1fr));gap:14px 26px;
background:var(--panel);border-radius:8px;padding:18px 22px;margin:.8em 0}
.card div{min-width:0}.card dt{font-size:.76rem;color:var(--quiet)}.card dd
{margin:0;font-size:.93rem;line-height:1.4;overflow-wrap:anywhere}
.scroll{overflow-x:auto;max-width:100%;-webkit-overflow-scrolling:touch}
.scroll:focus-visible{outline:2px solid var(--accent)}
.spaces td{padding-right:26px}
table{border-collapse:collapse;font-size:.86rem;font-variant-numeric:tabular-nums lining-nums;line-height:1.35}
th,td{padding:5px 12px 5px 0;text-align:right;white-space:nowrap;border-bottom:1px solid var(--grid);
vertical-align:middle}
th.l,td.l{text-align:left}
thead th{font-weight:500;color:var(--quiet);font-size:.78rem;vertical-align:bottom;
border-bottom:1px solid var(--line)}
tbody th{font-weight:500}
.board{width:100%;font-size:.81rem}.board td,.board th{height:42px;padding:4px 6px}.board thead th{line-height:1.3}
.board th.who{position:sticky;left:0;background:var(--paper);text-align:left;z-index:1;padding-left:6px}
.board tbody th.who{font-weight:600}
.who .sw{vertical-align:-2px;margin-right:7px}
.who span{display:inline-block;max-width:12.5em;overflow:hidden;text-overflow:ellipsis;vertical-align:bottom}
.few .who span{max-width:26em;white-space:normal}
.board .tie{position:relative;width:13px;min-width:13px;padding:0;border-bottom:0}
.tie i{position:absolute;left:2px;top:0;bottom:0;border-left:2px solid var(--quiet)}
.tie i.f{top:50%}.tie i.l{bottom:50%}
.tie i.m::after{content:"";position:absolute;left:0;top:calc(50% - 1px);width:8px;border-top:2px solid var(--quiet)}
.tie i.m.f::after{top:0}.tie i.m.l::after{top:auto;bottom:0}
.board .hp{white-space:normal;min-width:12.5em;text-align:left;font-size:.78rem;line-height:1.5}
.hp code{font-family:inherit;white-space:nowrap;margin-right:.6em}
span.sub{display:block}.sub{color:var(--quiet);font-size:.78rem}
.bad{color:var(--warn)}
.matrix td,.matrix th{padding:5px 8px;text-align:center;border:2px solid var(--paper);min-width:3.3em}
.matrix th.l{text-align:left;min-width:0;padding-left:0}
.matrix td{background:var(--panel);border-radius:4px}.matrix td.w{background:var(--good)}
.matrix td.o{background:var(--bad)}.matrix td.me{background:none}
.matrix small{display:block;font-size:.72rem;color:var(--quiet)}
.matrix td.w small,.matrix td.o small{color:var(--ink)}
figure{margin:2.2em 0 2.6em;padding-top:1.1em;border-top:1px solid var(--line);min-width:0}
figcaption p{margin:.15em 0 .9em;max-width:90ch}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:3px 18px;padding:0;margin:0 0 .7em;font-size:.84rem}
.legend li{display:flex;align-items:center;gap:6px;min-width:0;overflow-wrap:anywhere}
.legend .sw,.legend i{flex:none}
.sw{width:28px;height:14px}
.shades i{width:22px;height:12px;border-radius:3px}
.panels{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(236px,100%),1fr));gap:20px 22px;margin-top:1em}
svg{display:block;overflow:visible}svg.sw{display:inline-block}svg.defs{position:absolute;width:0;height:0}
svg.fig{width:100%;height:auto;max-width:100%}svg.wide{max-width:1080px}svg.narrow{display:none}svg.row{width:146px}
svg.heat{width:var(--w);max-width:none;min-width:var(--w)}
details{margin:.9em 0;font-size:.9rem}summary{cursor:pointer;color:var(--accent);width:fit-content}
details .scroll{margin-top:.6em;max-height:26em;overflow:auto}
pre{background:var(--panel);border-radius:8px;padding:13px 18px;overflow-x:auto;
font:.88rem/1.5 ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;margin:.6em 0;
white-space:pre-wrap;overflow-wrap:anywhere}
code{font-family:ui-monospace,"SF Mono",Menlo,Consolas,"Liberation Mono",monospace;font-size:.94em}
.cols{columns:2 26em;column-gap:44px;font-size:.93rem}.cols>*{break-inside:avoid;margin-top:0}
.refs{font-size:.86rem;color:var(--quiet);padding-left:1.2em;max-width:95ch}.refs li{margin:.25em 0;
overflow-wrap:anywhere}
footer{border-top:1px solid var(--line);margin-top:3.4em;padding-top:1em;color:var(--quiet);font-size:.84rem;
overflow-wrap:anywhere}
"""

DRAWING = """
.fig text,.row text{font-family:system-ui,-apple-system,"Segoe UI",Roboto,"Noto Sans","Liberation Sans",Arial,
sans-serif;font-variant-numeric:tabular-nums}
.tk{font-size:10.5px;fill:var(--quiet)}.lb{font-size:11px;fill:var(--quiet)}.nm{font-size:12.5px;fill:var(--ink);
font-weight:600}.vl{font-size:12.5px;fill:var(--ink)}
.gr{stroke:var(--grid);stroke-width:1}.ax{stroke:var(--quiet);stroke-width:1;opacity:.7}
.ln{fill:none;stroke:var(--c);stroke-width:1.9;stroke-linejoin:round;stroke-linecap:round}
.th{stroke-width:1.2;opacity:.75}.tr{stroke-width:1.5;stroke-dasharray:.1 4;opacity:.95}
.bd{fill:var(--c);opacity:.2}.ct{fill:none;stroke:var(--context);stroke-width:.9}
.ld{fill:none;stroke:var(--c);stroke-width:1;opacity:.55}
.mk{fill:var(--c);stroke:var(--paper);stroke-width:.8}.mh{fill:var(--paper);stroke:var(--c);stroke-width:1.8}
.ci{stroke:var(--c);stroke-width:3;stroke-linecap:round;opacity:.6;fill:none}.db{stroke:var(--c);stroke-width:1.3;
opacity:.6;stroke-dasharray:1 3;stroke-linecap:round}
.pt{fill:none;stroke:var(--c);stroke-width:5.8;stroke-linecap:round}
.wh{fill:none;stroke:var(--c);stroke-width:1.3;opacity:.7}.df{fill:none;stroke:var(--ink);stroke-width:1.4}
.dv{fill:none;stroke:var(--ink);stroke-width:1.6}.hf{opacity:.55;stroke-width:1.1}.sp{fill:var(--panel)}
.lv{stroke:var(--quiet);stroke-width:1;stroke-dasharray:4 3}.pk{stroke:var(--c);stroke-width:1.2;
stroke-dasharray:3 3;opacity:.9}
.br{fill:none;stroke:var(--quiet);stroke-width:1.4}
"""

MEDIA = """
@media(max-width:720px){main{padding:22px 16px 48px}svg.wide{display:none}svg.narrow{display:block}
svg.panel{max-width:420px}.card{grid-template-columns:repeat(2,minmax(0,1fr));gap:12px 16px;padding:15px}
.who span{max-width:8.5em}}
@media print{body{font-size:10.5pt}main{padding:0;max-width:none}figure,.card,table{break-inside:avoid}
details:not([open]){display:none}.scroll{overflow:visible}nav{display:none}
.panels{grid-template-columns:repeat(3,1fr)}}
"""


def style_sheet() -> str:
    """Return the whole style sheet; colours are variables that follow the reader's light or dark setting."""
    hues = "".join(f".c{i}{{--c:var(--c{i})}}" for i in range(len(LIGHT.contenders)))
    heat = "".join(
        f".h{i}{{fill:var(--h{i})}}.k{i}{{background:var(--h{i})}}.t{i}{{font-size:12px;fill:var(--t{i})}}"
        for i in range(len(LIGHT.heat))
    )
    light = f":root{{color-scheme:light dark;{_variables(LIGHT)}}}"
    dark = f"@media screen and (prefers-color-scheme:dark){{:root{{{_variables(DARK)}}}}}"
    lines = (light, dark, BASE, DRAWING, hues, heat, MEDIA)
    return "".join(part.replace("\n", "") for part in lines)
