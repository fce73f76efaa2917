// Builds elements. No text ever becomes markup: strings are text nodes.

/**
 * h('button', {class: 'x', onclick: f, disabled: true, 'aria-label': 's'}, 'text', child, ...)
 * Properties: functions are event listeners by their on... name, true and false set or leave
 * out an attribute, all else is an attribute. Children that are null or false are left out.
 */
export function h(tag, props, ...children) {
	const el = document.createElement(tag);
	for (const [k, v] of Object.entries(props ?? {})) {
		if (typeof v === 'function') el.addEventListener(k.slice(2), v);
		else attr(el, k, v);
	}
	for (const c of children.flat()) if (c !== null && c !== undefined && c !== false) el.append(c);
	return el;
}

/** Sets an attribute, or removes it for null, undefined and false; touches nothing that is so already. */
export function attr(el, name, value) {
	if (value === null || value === undefined || value === false) {
		if (el.hasAttribute(name)) el.removeAttribute(name);
		return;
	}
	const s = value === true ? '' : String(value);
	if (el.getAttribute(name) !== s) el.setAttribute(name, s);
}

/** Sets an element's text when it differs. */
export function text(el, s) {
	if (el.textContent !== s) el.textContent = s;
}

/**
 * Makes the children of list those of items, in order, keeping the element of a key.
 * make(item) builds one, update(el, item) brings it up to date.
 */
export function reconcile(list, items, key, make, update) {
	const old = new Map();
	for (const el of list.children) old.set(el.dataset.key, el);
	let at = list.firstElementChild;
	for (const item of items) {
		const k = String(key(item));
		let el = old.get(k);
		if (el) old.delete(k);
		else {
			el = make(item);
			el.dataset.key = k;
		}
		update(el, item);
		if (el === at) at = at.nextElementSibling;
		else list.insertBefore(el, at);
	}
	for (const el of old.values()) el.remove();
}
