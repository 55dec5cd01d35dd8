module sana/tools/bench

go 1.26.0

require sana v0.0.0

replace sana => ../..
