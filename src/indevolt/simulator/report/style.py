"""How a report looks: one style sheet for light, dark, narrow and printed pages.

Colours are those of Okabe and Ito, which people with colour-blindness tell apart; each is backed by a label, a place or a dash.
Text has a contrast of at least 4.5 to what is behind it. No fonts, pictures or addresses: the page asks nobody for anything.
"""

from __future__ import annotations

from typing import Final

STYLE: Final = """
:root{color-scheme:light dark;--paper:#fff;--page:#f5f6f7;--ink:#1b2228;--soft:#56616b;--rule:#dfe3e6;--strong:#b9c1c7;
--pv:#E69F00;--battery:#009E73;--grid-in:#56B4E9;--charge-pv:#009E73;--charge-grid:#0072B2;--export:#CC79A7;--all-pv:#C25400;
--on-dark:#fff;--halo:#fff;--mark:#8a939b;--badge:#1b2228;--on-badge:#fff;--gap:#e9ecee;
--u0:#0072B2;--u1:#D55E00;--u2:#009E73;--u3:#B0568A;--sim:#8a4b00;--sim-paper:#fff3dc}
@media (prefers-color-scheme:dark){:root{--paper:#161c21;--page:#0e1317;--ink:#e6eaed;--soft:#9daab4;--rule:#2a333a;
--strong:#4a565f;
--charge-grid:#2c8fd0;--all-pv:#F0803C;--on-dark:#0b0f12;--halo:#161c21;--mark:#7b8790;--badge:#e6eaed;--on-badge:#161c21;
--gap:#20282e;
--u0:#56B4E9;--u1:#F0803C;--u2:#2cc495;--u3:#DD92BC;--sim:#ffc766;--sim-paper:#33270f}}
*{box-sizing:border-box}
body{margin:0;background:var(--page);color:var(--ink);
font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"Liberation Sans",sans-serif;
font-variant-numeric:tabular-nums}
main{max-width:1160px;margin:0 auto;padding:28px 20px 40px}
h1{font-size:27px;line-height:1.2;font-weight:650;letter-spacing:-.01em;margin:0}
h2{font-size:17px;font-weight:650;margin:0}
h3{font-size:13px;font-weight:600;margin:14px 0 -2px;color:var(--soft)}
p{margin:0}
header .soft{margin-top:6px}
.about{max-width:72ch;margin-top:8px}
.top{display:flex;flex-wrap:wrap;gap:6px 14px;align-items:baseline}
.sim{font-size:12px;font-weight:600;letter-spacing:.04em;color:var(--sim);background:var(--sim-paper);border-radius:9px;
padding:1px 9px;
white-space:nowrap}
.facts{display:flex;flex-wrap:wrap;gap:4px 26px;margin:14px 0 0;font-size:13.5px}
.facts div{display:flex;gap:7px}
dt{color:var(--soft)}dd{margin:0;overflow-wrap:anywhere}
section,figure{background:var(--paper);border:1px solid var(--rule);border-radius:10px;margin:16px 0 0;padding:16px 18px}
.tiles{display:grid;grid-template-columns:repeat(var(--columns),1fr);margin:0;overflow:hidden}
section:has(>.tiles){padding:6px 0}
.tile{padding:12px 18px;box-shadow:-1px 0 0 var(--rule)}
.tile dt{font-size:13px}.tile dd{font-size:23px;font-weight:600;line-height:1.25;white-space:nowrap}
.tile dd+dd{font-size:13px;font-weight:400;color:var(--soft);line-height:1.45;white-space:normal}
.tile small{font-size:14px;font-weight:500;color:var(--soft)}
.head{display:flex;flex-wrap:wrap;gap:2px 12px;align-items:baseline}
.head .sim{margin-left:auto}
.guide,.soft{color:var(--soft);font-size:13.5px}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:2px 18px;margin:8px 0 0;padding:0;font-size:13px}
.legend li{display:flex;align-items:center;gap:7px}
.legend svg{width:26px;height:12px;flex:none}
.frame{padding:24px 6px 26px 46px}.marked .frame{padding-top:48px}
.many .frame{padding-right:96px}
svg.plot{display:block;width:100%;overflow:visible}
svg text{font-family:inherit;fill:var(--ink)}
.grid{stroke:var(--rule);stroke-width:1}.grid.strong{stroke:var(--strong)}.zero{stroke:var(--ink);stroke-width:1}
.tick,.unit{font-size:12px;fill:var(--soft)}.tick.y,.unit{text-anchor:end}.tick.x{text-anchor:middle}
text.strong{fill:var(--ink);font-weight:600}
.gap{fill:var(--gap)}
.area{stroke:none}
.area.pv,.key.pv{fill:var(--pv)}.area.battery,.key.battery{fill:var(--battery)}.area.grid-in,.key.grid-in{fill:var(--grid-in)}
.area.charge-pv,.key.charge-pv{fill:var(--charge-pv)}.area.charge-grid,.key.charge-grid{fill:var(--charge-grid)}
.area.export,.key.export{fill:var(--export)}
.line{fill:none;stroke:var(--ink);stroke-width:1.6;vector-effect:non-scaling-stroke;stroke-linejoin:round}
.band{fill:var(--ink);opacity:.22}
.line.load{stroke-width:1.3}
.line.all-pv{stroke:var(--all-pv);stroke-dasharray:5 3}.band.all-pv{fill:var(--all-pv)}
.line.battery-line{stroke:var(--u2);stroke-width:1.8}.band.battery-line{fill:var(--u2)}
.line.ac-line{stroke-width:1.2;stroke-dasharray:2 2}
.line.price-in{stroke:var(--u0)}.line.price-out{stroke:var(--u3);stroke-dasharray:6 3}
.line.u0,.line.u4{stroke:var(--u0)}.line.u1,.line.u5{stroke:var(--u1)}.line.u2,.line.u6{stroke:var(--u2)}
.line.u3,.line.u7{stroke:var(--u3)}
.band.u0,.band.u4{fill:var(--u0)}.band.u1,.band.u5{fill:var(--u1)}.band.u2,.band.u6{fill:var(--u2)}
.band.u3,.band.u7{fill:var(--u3)}
.line.u1{stroke-dasharray:8 3}.line.u2{stroke-dasharray:3 2}.line.u3{stroke-dasharray:9 3 2 3}.line.u4{stroke-dasharray:12 4}
.line.u5{stroke-dasharray:2 3}.line.u6{stroke-dasharray:6 2 2 2 2 2}.line.u7{stroke-dasharray:1 2}
.level{stroke:var(--soft);stroke-width:1;stroke-dasharray:1 3;stroke-linecap:round}
.note,.end,.in{font-size:12px}
.note{paint-order:stroke;stroke:var(--halo);stroke-width:3px;stroke-linejoin:round}
.in{text-anchor:middle}svg text.in{fill:#10161a}svg text.in.charge-grid{fill:var(--on-dark)}
.mark{stroke:var(--mark);stroke-width:1;stroke-dasharray:2 3}
.badge svg{overflow:visible}.badge rect{fill:var(--badge)}
.badge text{fill:var(--on-badge);font-size:11px;font-weight:600;text-anchor:middle}
.wide{overflow-x:auto;margin-top:10px}
table{border-collapse:collapse;font-size:13.5px;width:100%}
th{font-weight:600;text-align:right;color:var(--soft);vertical-align:bottom}
th,td{padding:4px 0 4px 16px;border-bottom:1px solid var(--rule);text-align:right;white-space:nowrap}
th:first-child,td:first-child{padding-left:0;text-align:left}
tbody th{color:var(--ink);font-weight:400;vertical-align:baseline}td{vertical-align:baseline}
tfoot th,tfoot td{font-weight:600;color:var(--ink);border-bottom:0}
.words th,.words td{text-align:left}.words,table .words{text-align:left}td.words,.words td:last-child{white-space:normal}
.no{display:inline-block;min-width:22px;padding:0 6px;border-radius:9px;background:var(--badge);color:var(--on-badge);
font-size:12px;
font-weight:600;text-align:center}
.books{display:grid;grid-template-columns:1fr 1fr;gap:0 40px}
.bar{display:flex;height:14px;margin:10px 0 4px;border-radius:3px;overflow:hidden;gap:1px}
.bar i{display:block;min-width:0}
.b-pv{background:var(--pv)}.b-roof{background:var(--all-pv)}.b-import{background:var(--grid-in)}
.b-discharged,.b-charged{background:var(--battery)}
.b-load{background:var(--ink)}.b-bypass{background:var(--soft)}.b-export{background:var(--export)}
.b-loss{background:var(--strong)}
.b-error{background:var(--sim)}
.chip{display:inline-block;width:10px;height:10px;border-radius:2px;margin-right:8px}
details summary{cursor:pointer;margin-top:10px}
pre{margin:8px 0 0;padding:10px 12px;background:var(--page);border:1px solid var(--rule);border-radius:6px;white-space:pre-wrap;
overflow-wrap:anywhere;font:13px/1.5 ui-monospace,"Cascadia Mono","DejaVu Sans Mono",monospace}
footer{margin-top:18px}
@media (max-width:760px){main{padding:18px 10px 28px}section,figure{padding:13px 12px}.tiles{grid-template-columns:1fr 1fr}
.tile{padding:9px 12px}.tile dd{font-size:20px}h1{font-size:22px}
.odd,.in,.end{display:none}.frame,.many .frame{padding-left:40px;padding-right:8px}
.books{grid-template-columns:1fr;gap:14px}}
@media print{:root{color-scheme:light}body{background:#fff}section,figure{break-inside:avoid}}
"""
