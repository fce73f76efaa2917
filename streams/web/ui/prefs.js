// What the person chose, on this device. Without storage (private windows) nothing is kept.

const key = 'outrider.';

export function get(name, missing) {
	try {
		return localStorage.getItem(key + name) ?? missing;
	} catch {
		return missing;
	}
}

export function set(name, value) {
	try {
		localStorage.setItem(key + name, value);
	} catch {
		// Kept for this page only.
	}
}

export const themes = ['auto', 'dark', 'light'];

/** Applies the theme of the address, else the kept one. Returns it. */
export function applyTheme(theme) {
	const asked = new URLSearchParams(location.search).get('theme');
	const v = theme ?? (themes.includes(asked) ? asked : get('theme', 'auto'));
	if (v === 'auto') delete document.documentElement.dataset.theme;
	else document.documentElement.dataset.theme = v;
	if (theme) set('theme', theme);
	return v;
}
