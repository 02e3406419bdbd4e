// The files of the status page, as they are in server/status/page; embedded by
// the build. Thread-safety: constants.
#ifndef KVPLACE_SERVER_STATUS_PAGE_ASSETS_H_
#define KVPLACE_SERVER_STATUS_PAGE_ASSETS_H_

#include <cstddef>
#include <span>

namespace kvplace {

struct PageAsset {
  // "index.html"
  const char* name;
  // Quoted, as in the header ETag; other bytes have another one.
  const char* etag;
  const unsigned char* bytes;
  size_t size;
};

std::span<const PageAsset> PageAssets();

}  // namespace kvplace

#endif  // KVPLACE_SERVER_STATUS_PAGE_ASSETS_H_
