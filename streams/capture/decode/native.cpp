#include "native.h"
#include <opencv2/core/utility.hpp>
#include <opencv2/core/utils/logger.hpp>

#include <cstdio>
#include <opencv2/videoio/registry.hpp>

void outrider_cv_set_threads(int n) { cv::setNumThreads(n); }

void outrider_cv_only_errors(void) {
    cv::utils::logging::setLogLevel(cv::utils::logging::LOG_LEVEL_ERROR);
}

int outrider_has_backend(int api) {
    for (cv::VideoCaptureAPIs b : cv::videoio_registry::getBackends())
        if (b == api) return 1;
    return 0;
}

void outrider_line_buffered(void) { setvbuf(stdout, nullptr, _IOLBF, 0); }
