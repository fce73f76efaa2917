package webtest

// Accessible is a JavaScript expression that checks what a page is and returns its faults,
// after the rules of WCAG 2.2 AA that a program can decide: every control has a name and a
// size of 24 pixels, every picture an alternative, ids stand once, labels and aria references
// point at something, headings begin with one h1 and skip no level, landmarks and the language
// are there, text has a contrast of 4.5 to 1 on what it stands on (3 to 1 when large), and
// nothing is wider than the window.
const Accessible = `(() => {
	const faults = [];
	const shown = (e) => e.checkVisibility({visibilityProperty: true, opacityProperty: true}) && e.getClientRects().length > 0;
	const say = (e, what) => faults.push(what + ': ' + e.outerHTML.slice(0, 120));
	const name = (e) => (e.getAttribute('aria-label') || (e.getAttribute('aria-labelledby') ?? '').split(' ').map((id) => document.getElementById(id)?.textContent ?? '').join(' ') ||
		[...(e.labels ?? [])].map((l) => l.textContent).join(' ') || e.textContent || e.alt || '').trim();

	for (const e of document.querySelectorAll('button, a[href], input, select, textarea, [role=button], [tabindex="0"]')) {
		if (!shown(e)) continue;
		if (!name(e)) say(e, 'no name');
		const r = e.getBoundingClientRect();
		const inText = e.matches('a') && getComputedStyle(e).display === 'inline';
		if (!inText && (r.width < 24 || r.height < 24) && r.top > -50) say(e, 'smaller than 24 px');
	}
	for (const e of document.querySelectorAll('img')) if (!e.hasAttribute('alt')) say(e, 'no alternative');
	for (const e of document.querySelectorAll('[role=img]')) if (shown(e) && !name(e)) say(e, 'no name');
	const ids = new Set();
	for (const e of document.querySelectorAll('[id]')) ids.has(e.id) ? say(e, 'id stands twice') : ids.add(e.id);
	for (const a of ['aria-labelledby', 'aria-describedby', 'aria-controls', 'for']) {
		for (const e of document.querySelectorAll('[' + a + ']')) for (const id of e.getAttribute(a).split(' ')) if (!document.getElementById(id)) say(e, a + ' points at nothing');
	}
	const heads = [...document.querySelectorAll('h1, h2, h3, h4')].filter(shown);
	if (heads.filter((h) => h.tagName === 'H1').length !== 1) faults.push('not one h1, but ' + heads.map((h) => h.tagName).join(' '));
	let level = 0;
	for (const h of heads) {
		const n = Number(h.tagName[1]);
		if (n > level + 1) say(h, 'a level is skipped');
		level = n;
	}
	if (!document.documentElement.lang) faults.push('no language');
	for (const l of ['header', 'nav', 'main']) if (!document.querySelector(l)) faults.push('no ' + l);
	for (const e of document.querySelectorAll('nav')) if (!name(e).length || !e.getAttribute('aria-label')) say(e, 'a nav without a name');
	for (const e of document.querySelectorAll('[aria-hidden=true]')) for (const f of e.querySelectorAll('button, a[href], input, select')) say(f, 'can be focused, but is hidden');
	for (const e of document.querySelectorAll('ul, ol')) for (const c of e.children) if (c.tagName !== 'LI') say(c, 'not a list item in a list');
	for (const e of document.querySelectorAll('th')) if (!e.scope) say(e, 'no scope');
	if (document.documentElement.scrollWidth > innerWidth) faults.push('the page is ' + (document.documentElement.scrollWidth - innerWidth) + ' px too wide');

	const parse = (s) => (s.match(/[\d.]+/g) ?? []).map(Number);
	const luminance = (c) => c.slice(0, 3).map((v) => (v /= 255) <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4).reduce((s, v, i) => s + v * [0.2126, 0.7152, 0.0722][i], 0);
	const over = (a, b) => { const k = a[3] ?? 1; return [0, 1, 2].map((i) => a[i] * k + b[i] * (1 - k)); };
	const ground = (e) => {
		const layers = [];
		for (let x = e; x; x = x.parentElement) {
			const s = getComputedStyle(x);
			if (s.backgroundImage !== 'none') return null;
			const c = parse(s.backgroundColor);
			if ((c[3] ?? 1) > 0) layers.push(c);
			if (layers.length && (layers.at(-1)[3] ?? 1) === 1) break;
		}
		return layers.reverse().reduce((g, c) => over(c, g), [255, 255, 255]);
	};
	const walk = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
	const seen = new Set();
	for (let n = walk.nextNode(); n; n = walk.nextNode()) {
		const e = n.parentElement;
		if (!n.data.trim() || seen.has(e) || !shown(e) || e.closest('noscript, [aria-hidden=true], :disabled')) continue;
		seen.add(e);
		const back = ground(e);
		if (!back) continue;
		const s = getComputedStyle(e);
		const fore = over(parse(s.color), back);
		const [a, b] = [luminance(fore), luminance(back)].sort((x, y) => y - x);
		const ratio = (a + 0.05) / (b + 0.05);
		const size = parseFloat(s.fontSize);
		const large = size >= 24 || (size >= 18.66 && s.fontWeight >= 700);
		if (ratio < (large ? 3 : 4.5)) say(e, 'contrast ' + ratio.toFixed(2));
	}
	return [...new Set(faults)];
})()`
