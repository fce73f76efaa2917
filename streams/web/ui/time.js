// Times for people, in the zone of this browser.

const lang = () => document.documentElement.lang || 'en';
const cache = new Map();

function format(name, options) {
	let f = cache.get(name);
	if (!f) cache.set(name, (f = new Intl.DateTimeFormat(lang(), options)));
	return f;
}

export const clockTime = (d) => format('clock', {hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false}).format(d);
export const dayTime = (d) => format('day', {weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit', second: '2-digit', hour12: false}).format(d);
export const zone = () => Intl.DateTimeFormat().resolvedOptions().timeZone;

/** A length of time such as 4 s, 12 min, 3 h. */
export function span(seconds) {
	const unit = (n, u) => new Intl.NumberFormat(lang(), {style: 'unit', unit: u, unitDisplay: 'short', maximumFractionDigits: n < 10 && u === 'second' ? 1 : 0}).format(n);
	if (seconds < 90) return unit(seconds, 'second');
	if (seconds < 5400) return unit(seconds / 60, 'minute');
	return seconds < 129600 ? unit(seconds / 3600, 'hour') : unit(seconds / 86400, 'day');
}

export function bytes(n) {
	const units = ['byte', 'kilobyte', 'megabyte', 'gigabyte', 'terabyte'];
	let i = 0;
	while (n >= 1000 && i < units.length - 1) {
		n /= 1000;
		i++;
	}
	return new Intl.NumberFormat(lang(), {style: 'unit', unit: units[i], unitDisplay: 'short', maximumFractionDigits: n < 10 && i ? 1 : 0}).format(n);
}

/** The value of a datetime-local field for a time, and back: local time, no zone. */
export function toField(d) {
	if (!d || Number.isNaN(+d)) return '';
	return new Date(+d - d.getTimezoneOffset() * 60000).toISOString().slice(0, 16);
}
export const fromField = (s) => (s ? new Date(s) : null);
