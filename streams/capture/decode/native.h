#pragma once
#ifdef __cplusplus
extern "C" {
#endif
void outrider_cv_set_threads(int n);
void outrider_cv_only_errors(void);
void outrider_line_buffered(void);
int outrider_has_backend(int api);
#ifdef __cplusplus
}
#endif
