#include "logits.h"

#include <string.h>

// The wide clone is chosen at run time where the processor has it.
#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define WIDE __attribute__((target_clones("arch=haswell", "default")))
#else
#define WIDE
#endif

WIDE static void accumulate(float *restrict row, const float *restrict p, float c, int n) {
	for (int i = 0; i < n; i++) row[i] += c * p[i];
}

int outrider_mask(const float *proto, int w, int h, int nm, const float *coeff,
                  int x0, int y0, int x1, int y1, uint64_t *words, int stride, float *row) {
	int n = x1 - x0, count = 0;
	for (int y = y0; y < y1; y++) {
		memset(row, 0, n * sizeof *row);
		for (int k = 0; k < nm; k++) accumulate(row, proto + ((long)k * h + y) * w + x0, coeff[k], n);
		uint64_t *out = words + (long)(y - y0) * stride;
		for (int b = 0; b < n; b += 64) {
			int m = n - b < 64 ? n - b : 64;
			uint64_t v = 0;
			for (int i = 0; i < m; i++) v |= (uint64_t)(row[b + i] > 0) << i;
			out[b / 64] = v;
			count += __builtin_popcountll(v);
		}
	}
	return count;
}
