// What of WCAG 2.2 AA a script can see of the page: names, references, contrast, width. Gives a list of what is wrong.
(() => {
  const wrong = [], shown = (each) => each.checkVisibility();
  const named = (each) => (each.getAttribute("aria-label") || each.textContent.trim() || each.title || (each.labels?.[0]?.textContent.trim()));
  for (const each of document.querySelectorAll("button, input, select, canvas[tabindex], meter, progress"))
    if (shown(each) && !each.closest("[aria-hidden=true]") && each.id !== "file" && !named(each)) wrong.push("no name: " + each.outerHTML);
  for (const each of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const id of [each.getAttribute("aria-labelledby"), each.getAttribute("aria-describedby")])
      if (id && !document.getElementById(id)) wrong.push("no element " + id);
  const ids = [...document.querySelectorAll("[id]")].map((each) => each.id);
  for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) wrong.push("twice: " + id);
  if (document.documentElement.lang !== "en" || !document.title) wrong.push("no language or title");
  const light = (text) => { const [r, g, b] = text.match(/[\d.]+/g).slice(0, 3).map((each) => { const c = each / 255; return c <= .04045 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4; }); return .2126 * r + .7152 * g + .0722 * b; };
  const back = (each) => { for (let at = each; at; at = at.parentElement) { const c = getComputedStyle(at).backgroundColor; if (!/, 0\)|transparent/.test(c)) return c; } return "rgb(255, 255, 255)"; };
  for (const each of document.querySelectorAll("button, p, h1, h2, label, small, span, summary, strong, output, legend")) {
    if (!shown(each) || !each.textContent.trim() || each.closest(".hidden") || each.disabled) continue;
    const [a, b] = [light(getComputedStyle(each).color), light(back(each))].sort((x, y) => y - x);
    if ((a + .05) / (b + .05) < 4.5) wrong.push(`contrast ${((a + .05) / (b + .05)).toFixed(2)}: ${each.id || each.className || each.tagName} ${each.textContent.trim().slice(0, 20)}`);
  }
  if (document.documentElement.scrollWidth > innerWidth) wrong.push(`wider than the window: ${document.documentElement.scrollWidth}`);
  return wrong;
})()
