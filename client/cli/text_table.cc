#include "client/cli/text_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

namespace kvplace {

std::string TimesText(double ratio) {
  if (ratio >= 10) return fmt::format("{:.0f}x", ratio);
  if (ratio < 0.095) return fmt::format("{:.1g}x", ratio);
  return fmt::format("{:.2f}x", ratio);
}

TextTable::TextTable(std::vector<std::string> heads, size_t left,
                     size_t words_last)
    : left_(left), words_last_(words_last) {
  rows_.push_back(std::move(heads));
}

void TextTable::Add(std::vector<std::string> row) {
  rows_.push_back(std::move(row));
}

void TextTable::Print(std::ostream& out) const {
  const size_t columns = rows_[0].size();
  std::vector<size_t> widths(columns, 0);
  for (const auto& row : rows_) {
    for (size_t i = 0; i < row.size(); ++i) {
      widths[i] = std::max(widths[i], row[i].size());
    }
  }
  for (const auto& row : rows_) {
    std::string line;
    for (size_t i = 0; i < row.size(); ++i) {
      if (i > 0) line += "  ";
      const std::string spaces(widths[i] - row[i].size(), ' ');
      const bool words = i < left_ || i + words_last_ >= columns;
      line += words ? row[i] + spaces : spaces + row[i];
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out << line << "\n";
  }
}

}  // namespace kvplace
