import en from './en.js';

const plural = new Intl.PluralRules('en');

/** The text of a key with {name} replaced; a text with forms is chosen by n. */
export function t(key, values = {}) {
	let v = en[key];
	if (v === undefined) return key;
	if (typeof v === 'object') v = v[plural.select(values.n)] ?? v.other;
	return v.replace(/\{(\w+)\}/g, (_, k) => values[k]);
}
