#include "client/cli/svg_writer.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdint>

namespace kvplace {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

// Length of the UTF-8 sequence that `text` begins with; 0: it is none, or one
// of a character that XML does not allow. `text` is not empty.
size_t XmlCharacter(std::string_view text) {
  const auto byte = [&](size_t i) { return static_cast<uint8_t>(text[i]); };
  const uint8_t lead = byte(0);
  if (lead < 0x80) {
    return lead >= 0x20 || lead == '\t' || lead == '\n' || lead == '\r' ? 1 : 0;
  }
  const size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || text.size() < length) return 0;
  uint32_t code = lead & (0xFFu >> (length + 1));
  for (size_t i = 1; i < length; ++i) {
    if ((byte(i) & 0xC0) != 0x80) return 0;
    code = code << 6 | (byte(i) & 0x3F);
  }
  constexpr uint32_t kLeast[] = {0, 0, 0x80, 0x800, 0x10000};
  const bool allowed = code >= kLeast[length] && code <= 0x10FFFF &&
                       (code < 0xD800 || code > 0xDFFF) && code != 0xFFFE &&
                       code != 0xFFFF;
  return allowed ? length : 0;
}

}  // namespace

std::string XmlEscape(std::string_view text) {
  std::string escaped;
  while (!text.empty()) {
    const size_t length = XmlCharacter(text);
    switch (length == 1 ? text[0] : 0) {
      case '&':
        escaped += "&amp;";
        break;
      case '<':
        escaped += "&lt;";
        break;
      case '>':
        escaped += "&gt;";
        break;
      case '"':
        escaped += "&quot;";
        break;
      // A parser would make spaces of these in an attribute.
      case '\t':
      case '\n':
      case '\r':
        escaped += fmt::format("&#{};", static_cast<int>(text[0]));
        break;
      default:
        escaped += length == 0 ? kReplacement : text.substr(0, length);
    }
    text.remove_prefix(length == 0 ? 1 : length);
  }
  return escaped;
}

std::string SvgNumber(double value) {
  if (!std::isfinite(value)) return "0";
  std::string digits = fmt::format("{:.2f}", value);
  while (digits.back() == '0') digits.pop_back();
  if (digits.back() == '.') digits.pop_back();
  return digits == "-0" ? "0" : digits;
}

SvgWriter::SvgWriter(std::ostream& out, double width, double height)
    : out_(out) {
  out_ << "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n";
  Open("svg", {{"xmlns", "http://www.w3.org/2000/svg"},
               {"width", width},
               {"height", height},
               {"viewBox", "0 0 " + SvgNumber(width) + " " + SvgNumber(height)},
               {"role", "img"},
               {"font-family", "Helvetica, Arial, sans-serif"}});
}

SvgWriter::~SvgWriter() {
  while (!open_.empty()) Close();
}

void SvgWriter::Start(std::string_view name, Attributes attributes) {
  out_ << std::string(open_.size(), ' ') << '<' << name;
  for (const SvgAttribute& attribute : attributes) {
    out_ << ' ' << attribute.name << "=\"" << XmlEscape(attribute.value) << '"';
  }
}

void SvgWriter::Open(std::string_view name, Attributes attributes) {
  Start(name, attributes);
  out_ << ">\n";
  open_.emplace_back(name);
}

void SvgWriter::Close() {
  const std::string name = std::move(open_.back());
  open_.pop_back();
  out_ << std::string(open_.size(), ' ') << "</" << name << ">\n";
}

void SvgWriter::Element(std::string_view name, Attributes attributes) {
  Start(name, attributes);
  out_ << "/>\n";
}

void SvgWriter::Text(std::string_view name, std::string_view text,
                     Attributes attributes) {
  Start(name, attributes);
  out_ << '>' << XmlEscape(text) << "</" << name << ">\n";
}

}  // namespace kvplace
