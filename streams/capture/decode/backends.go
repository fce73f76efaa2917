package decode

/*
#include "native.h"
*/
import "C"

// HasBackend tells whether this OpenCV was built with a back end.
func HasBackend(api API) bool { return C.outrider_has_backend(C.int(api)) != 0 }
