// Writes SVG element by element: nesting, escaping and numbers, no knowledge of
// plots. See docs/adr/0006-svg-by-hand.md.
//
// Thread-safety: one thread at a time. The output depends on the calls alone,
// not on the locale.
#ifndef KVPLACE_CLIENT_CLI_SVG_WRITER_H_
#define KVPLACE_CLIENT_CLI_SVG_WRITER_H_

#include <initializer_list>
#include <ostream>
#include <string>
#include <string_view>
#include <vector>

namespace kvplace {

// For text and for values of attributes. What XML 1.0 cannot hold, a control
// character or a byte that is not UTF-8, becomes U+FFFD.
std::string XmlEscape(std::string_view text);

// At most two decimals, in the shortest form. What is not finite is 0: callers
// leave out what they cannot draw, and a file must stay readable even so.
std::string SvgNumber(double value);

struct SvgAttribute {
  SvgAttribute(std::string_view n, std::string_view v) : name(n), value(v) {}
  SvgAttribute(std::string_view n, const char* v) : name(n), value(v) {}
  SvgAttribute(std::string_view n, const std::string& v) : name(n), value(v) {}
  SvgAttribute(std::string_view n, double v) : name(n), value(SvgNumber(v)) {}

  std::string name;
  // Not escaped yet.
  std::string value;
};

class SvgWriter {
 public:
  using Attributes = std::initializer_list<SvgAttribute>;

  // Begins a document of this size in pixels. `out` must outlive the writer.
  SvgWriter(std::ostream& out, double width, double height);
  // Ends all that is open.
  ~SvgWriter();
  SvgWriter(const SvgWriter&) = delete;
  SvgWriter& operator=(const SvgWriter&) = delete;

  // An element with children, until Close.
  void Open(std::string_view name, Attributes attributes = {});
  // REQUIRES: an element is open.
  void Close();
  // An element without children.
  void Element(std::string_view name, Attributes attributes);
  // An element that holds text.
  void Text(std::string_view name, std::string_view text,
            Attributes attributes = {});

 private:
  void Start(std::string_view name, Attributes attributes);

  std::ostream& out_;
  std::vector<std::string> open_;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_SVG_WRITER_H_
