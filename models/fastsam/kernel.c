#include "kernel.h"

// The loops below are plain C that the compiler turns into vector code. On x86 it makes one
// version a generation of machines, chosen when the program starts.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__) && defined(__linux__)
#define CLONES __attribute__((target_clones("arch=skylake-avx512", "arch=haswell", "default")))
#else
#define CLONES
#endif
#define INLINE static inline __attribute__((always_inline))

CLONES void outrider_pack(const uint8_t *restrict src, int64_t stride, int64_t w, int64_t h, float *restrict dst, int64_t pitch, int64_t plane) {
	for (int64_t y = 0; y < h; y++) {
		const uint8_t *restrict s = src + y * stride;
		float *restrict r = dst + y * pitch, *restrict g = r + plane, *restrict b = g + plane;
		for (int64_t x = 0; x < w; x++) {
			b[x] = (float)s[3 * x] / 255.0f;
			g[x] = (float)s[3 * x + 1] / 255.0f;
			r[x] = (float)s[3 * x + 2] / 255.0f;
		}
	}
}

// sums computes the logits of m cells from p on; m is known where this is inlined, so that the
// sums stay in registers.
INLINE void sums(const float *restrict p, int64_t plane, const float *restrict coef, int64_t n, float *restrict acc, int m) {
	for (int i = 0; i < m; i++) acc[i] = 0;
	for (int64_t k = 0; k < n; k++) {
		const float *restrict q = p + k * plane;
		const float c = coef[k];
		for (int i = 0; i < m; i++) acc[i] += c * q[i];
	}
}

INLINE uint64_t signs(const float *restrict acc, int m) {
	uint64_t v = 0;
	for (int i = 0; i < m; i += 8) {
		uint8_t t[8];
		for (int j = 0; j < 8; j++) t[j] = acc[i + j] > 0;
		uint64_t o;
		__builtin_memcpy(&o, t, 8);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
		o = __builtin_bswap64(o);
#endif
		// One multiplication gathers the low bits of eight bytes in the top byte.
		v |= (o * 0x0102040810204080ull >> 56) << i;
	}
	return v;
}

INLINE uint64_t word(const float *restrict p, int64_t plane, const float *restrict coef, int64_t n, int m) {
	float acc[64];
	sums(p, plane, coef, n, acc, m);
	return signs(acc, m);
}

CLONES int64_t outrider_mask(const float *restrict proto, int64_t pitch, int64_t plane, const float *restrict coef, int64_t n, int64_t x0, int64_t x1, int64_t y0, int64_t y1, uint64_t *restrict words) {
	int64_t area = 0;
	for (int64_t y = y0; y < y1; y++) {
		const float *p = proto + y * pitch + x0;
		for (int64_t left = x1 - x0; left > 0; left -= 64, p += 64) {
			uint64_t v;
			if (left > 48) v = word(p, plane, coef, n, 64);
			else if (left > 32) v = word(p, plane, coef, n, 48);
			else if (left > 16) v = word(p, plane, coef, n, 32);
			else v = word(p, plane, coef, n, 16);
			if (left < 64) v &= ((uint64_t)1 << left) - 1;
			area += __builtin_popcountll(v);
			*words++ = v;
		}
	}
	return area;
}

CLONES void outrider_logits(const float *restrict proto, int64_t pitch, int64_t plane, const float *restrict coef, int64_t n, int64_t x0, int64_t x1, int64_t y0, int64_t y1, float *restrict dst) {
	const int64_t w = x1 - x0;
	for (int64_t y = y0; y < y1; y++, dst += w) {
		const float *p = proto + y * pitch + x0;
		for (int64_t x = 0; x < w; x++) dst[x] = 0;
		for (int64_t k = 0; k < n; k++) {
			const float *restrict q = p + k * plane;
			const float c = coef[k];
			for (int64_t x = 0; x < w; x++) dst[x] += c * q[x];
		}
	}
}
