// Rows of text in columns as wide as their widest cell; numbers as text.
//
// Thread-safety: one thread at a time.
#ifndef KVPLACE_CLIENT_CLI_TEXT_TABLE_H_
#define KVPLACE_CLIENT_CLI_TEXT_TABLE_H_

#include <cstddef>
#include <ostream>
#include <string>
#include <vector>

namespace kvplace {

// "12x", "1.83x", "0.04x".
std::string TimesText(double ratio);

class TextTable {
 public:
  // The first `left` columns, and the last `words_last`, are words and begin
  // on the left; those between are numbers and end on the right.
  TextTable(std::vector<std::string> heads, size_t left, size_t words_last = 0);

  // As many cells as heads.
  void Add(std::vector<std::string> row);
  void Print(std::ostream& out) const;

 private:
  const size_t left_;
  const size_t words_last_;
  std::vector<std::vector<std::string>> rows_;
};

}  // namespace kvplace

#endif  // KVPLACE_CLIENT_CLI_TEXT_TABLE_H_
