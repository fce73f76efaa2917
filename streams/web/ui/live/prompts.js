// or-prompts: what is followed on this camera, and the field to name more.

import {attr, h, reconcile, text} from '../dom.js';
import {effect, prompts} from '../store.js';
import {refreshPrompts} from '../stream.js';
import {t} from '../i18n/text.js';
import {colour} from './paint.js';
import {busy, follow, forget, frameTime, promptName, refusal} from './follow.js';

class Prompts extends HTMLElement {
	#ends = [];

	connectedCallback() {
		if (!this.list) this.#build();
		refreshPrompts(this.camera);
		this.timer = setInterval(() => document.hidden || this.#thumbs(), 1000);
		this.#ends = [
			effect(() => this.#show(prompts.value.get(this.camera))),
			effect(() => {
				this.why.hidden = !refusal.value;
				text(this.why, refusal.value);
			}),
			effect(() => {
				attr(this, 'aria-busy', busy.value ? 'true' : null);
				text(this.add, busy.value ? t('prompts.busy') : t('prompts.add'));
			}),
		];
	}

	disconnectedCallback() {
		clearInterval(this.timer);
		for (const end of this.#ends) end();
	}

	#build() {
		this.list = h('ul', {class: 'rows'});
		this.empty = h('p', {class: 'muted', hidden: true});
		this.why = h('p', {class: 'problem', role: 'alert', hidden: true});
		this.words = h('input', {id: 'words', name: 'words', type: 'text', autocomplete: 'off', maxlength: '255', placeholder: t('prompts.words.example')});
		this.add = h('button', {type: 'submit', class: 'primary'}, t('prompts.add'));
		this.form = h('form', {onsubmit: (e) => this.#submit(e)}, h('label', {for: 'words'}, t('prompts.words')),
			h('div', {class: 'field'}, this.words, this.add));
		this.append(h('section', {'aria-labelledby': 'prompts-title'},
			h('h2', {id: 'prompts-title'}, t('prompts.title')),
			this.form, this.why, this.list, this.empty));
	}

	focusWords() {
		this.words.focus();
	}

	async #submit(e) {
		e.preventDefault();
		const words = this.words.value.split(',').map((w) => w.trim()).filter(Boolean);
		if (!words.length || busy.value) return;
		if (await follow(this.camera, {text: words, frame_time: frameTime(this.tile.frame?.cap ?? null)})) this.words.value = '';
	}

	#show(list) {
		this.form.hidden = list === null;
		text(this.empty, t(list === null ? 'prompts.none' : 'prompts.empty'));
		this.empty.hidden = list === undefined || list?.length > 0;
		reconcile(this.list, list ?? [], (p) => p.id, (p) => {
			const name = promptName(p);
			const row = h('li', {class: 'row thumbed'}, h('canvas', {class: 'swatch', width: '96', height: '72', 'aria-hidden': 'true'}),
				h('span', {class: 'name'}, name), h('span', {class: 'state'}),
				h('button', {type: 'button', class: 'quiet', 'aria-label': t('prompts.delete', {name}), onclick: () => this.#forget(p)}, '×'));
			return row;
		}, (row, p) => {
			const [swatch, , state] = row.children;
			const n = p.track_ids?.length ?? (p.track_id ? 1 : 0);
			attr(row, 'data-state', p.state);
			attr(row, 'title', p.why);
			text(state, p.state === 'tracking' ? t('prompt.tracking', {n: Math.max(1, n), id: p.track_id}) : t('prompt.searching'));
			swatch.style.background = p.state === 'tracking' && p.track_id ? colour(p.track_id) : '';
		});
	}

	/** Cuts each prompt's object out of the picture that is shown; a lost one keeps its last. */
	#thumbs() {
		const {video, img, player, latest} = this.tile;
		const [source, w] = player.mode === 'webrtc' ? [video, video.videoWidth] : [img, img.naturalWidth];
		if (!w || !latest) return;
		const scale = w / latest.w;
		for (const p of prompts.value.get(this.camera) ?? []) {
			const box = latest.tracks.find((k) => k.id === p.track_id && k.ob === 1)?.b;
			const c = box && [...this.list.children].find((li) => li.dataset.key === p.id)?.firstChild;
			if (!c) continue;
			const bw = Math.max(box[2] - box[0], ((box[3] - box[1]) * 4) / 3) * 1.1;
			const bh = (bw * 3) / 4;
			const g = c.getContext('2d');
			g.clearRect(0, 0, c.width, c.height);
			g.drawImage(source, ((box[0] + box[2] - bw) / 2) * scale, ((box[1] + box[3] - bh) / 2) * scale, bw * scale, bh * scale, 0, 0, c.width, c.height);
		}
	}

	#forget(p) {
		const status = prompts.value.get(this.camera)?.find((x) => x.id === p.id) ?? p;
		forget(this.camera, status, () => {
			const meta = this.tile.latest;
			const k = meta?.tracks.find((x) => x.id === status.track_id);
			return k ? {box: k.b, frame_time: frameTime(meta.cap)} : null;
		});
	}
}

customElements.define('or-prompts', Prompts);
