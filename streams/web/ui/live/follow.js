// Asking the service to follow something, taking it back, and saying what came of it.

import * as api from '../api.js';
import {signal, toast} from '../store.js';
import {refreshPrompts} from '../stream.js';
import {t} from '../i18n/text.js';
import * as history from './undo.js';

export const busy = signal(0); // requests under way
export const refusal = signal(''); // why the last one was refused

/** What a prompt is called. */
export function promptName(p) {
	if (p.text?.length) return p.text.join(', ');
	const kind = p.points?.length ? t('prompt.point') : p.box ? t('prompt.box') : t('prompt.mask');
	return `${kind} ${p.id}`;
}

/**
 * Creates a prompt, and then deletes the one it replaces (an id), if any: a better answer to
 * the same wish. Returns its status, or null when it was refused (refusal says why).
 */
export function follow(cam, body, replaces) {
	return attempt(async () => {
		const command = {
			async do() {
				const p = await api.createPrompt(cam, body);
				this.id = p.id;
				if (replaces) await api.deletePrompt(cam, replaces).catch(() => {}); // gone already
				replaces = undefined;
				refreshPrompts(cam);
				return p;
			},
			async undo() {
				await api.deletePrompt(cam, this.id);
				refreshPrompts(cam);
			},
		};
		const p = await history.run(command);
		toast.value = {
			text: p.state === 'tracking' ? t('prompts.created', {name: p.track_id ? `#${p.track_id}` : promptName(p)}) : p.why || t('prompts.nothing'),
			action: t('prompts.undo'), run: undo,
		};
		return p;
	});
}

/**
 * Deletes a prompt. found() tells, when it is to come back, where its object is by then:
 * {box, frame_time} or null.
 */
export function forget(cam, p, found) {
	return attempt(async () => {
		await history.run({
			async do() {
				await api.deletePrompt(cam, p.id);
				refreshPrompts(cam);
			},
			async undo() {
				const {id, points, labels, box, text, mask, level} = p;
				const where = text?.length ? null : found();
				await api.createPrompt(cam, where ? {id, ...where} : {id, points, labels, box, text, mask, level});
				refreshPrompts(cam);
			},
		});
		toast.value = {text: t('prompts.deleted', {name: promptName(p)}), action: t('prompts.undo'), run: undo};
	});
}

export const undo = () => attempt(history.undo);
export const redo = () => attempt(history.redo);

async function attempt(f) {
	busy.value++;
	refusal.value = '';
	try {
		return await f();
	} catch (e) {
		refusal.value = t('prompts.refused', {why: e.message});
		return null;
	} finally {
		busy.value--;
	}
}

/** A capture time of the service as a prompt's frame_time. */
export const frameTime = (cap) => (cap === null || Number.isNaN(cap) ? undefined : new Date(cap).toISOString());
