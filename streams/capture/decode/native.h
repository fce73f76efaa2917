#pragma once
#ifdef __cplusplus
extern "C" {
#endif
void outrider_cv_set_threads(int n);
void outrider_cv_only_errors(void);
#ifdef __cplusplus
}
#endif
