package mask_test

import (
	"image"
	"math/rand/v2"
	"slices"
	"testing"

	"outrider/pipeline/mask"
)

// parts are the connected parts by flood fill, in the order of their first cell.
func (n naive) parts() [][]image.Point {
	seen := newNaive(n.g)
	var parts [][]image.Point
	n.each(func(x, y int) bool {
		if !n.cell[y][x] || seen.cell[y][x] {
			return n.cell[y][x]
		}
		part := []image.Point{{X: x, Y: y}}
		seen.cell[y][x] = true
		for i := 0; i < len(part); i++ {
			for dy := -1; dy <= 1; dy++ {
				for dx := -1; dx <= 1; dx++ {
					p := part[i].Add(image.Pt(dx, dy))
					if n.has(p.X, p.Y) && !seen.cell[p.Y][p.X] {
						seen.cell[p.Y][p.X] = true
						part = append(part, p)
					}
				}
			}
		}
		parts = append(parts, part)
		return true
	})
	return parts
}

// keepMain is KeepMain by flood fill.
func (n naive) keepMain(share float64) naive {
	out := newNaive(n.g)
	parts := n.parts()
	main := 0
	for i, p := range parts {
		if len(p) > len(parts[main]) {
			main = i
		}
	}
	for i, p := range parts {
		if i == main || float64(len(p)) >= share*float64(len(parts[main])) {
			for _, c := range p {
				out.cell[c.Y][c.X] = true
			}
		}
	}
	return out
}

func TestComponentsAgainstNaive(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	var l mask.Labeler
	for range 1500 {
		m := randomMask(r, randomGrid(r))
		n := toNaive(m)
		var want []mask.Component
		for _, p := range n.parts() {
			c := mask.Component{Area: len(p)}
			for _, q := range p {
				c.Bounds = c.Bounds.Union(image.Rectangle{Min: q, Max: q.Add(image.Pt(1, 1))})
			}
			want = append(want, c)
		}
		if got := l.Components(m); !slices.Equal(got, want) {
			t.Fatalf("components %v, want %v", got, want)
		}
		for i, p := range n.parts() {
			var part mask.Mask
			l.Extract(i, &part)
			one := newNaive(n.g)
			for _, c := range p {
				one.cell[c.Y][c.X] = true
			}
			check(t, "Extract", &part, one)
		}
		check(t, "LargestComponent", m.LargestComponent(), n.keepMain(1.1))
		check(t, "after LargestComponent", m, n)
		share := r.Float64()
		kept := n.keepMain(share)
		again := m.Clone()
		if got, want := l.KeepMain(m, share), n.area()-kept.area(); got != want {
			t.Fatalf("KeepMain cleared %d cells, want %d", got, want)
		}
		check(t, "KeepMain", m, kept)
		again.DropIslands(share)
		check(t, "DropIslands", again, kept)
	}
}

func TestComponentsTable(t *testing.T) {
	for _, c := range []struct {
		name  string
		rows  []string
		share float64
		want  []string
	}{
		{"nothing", []string{"....", "...."}, .5, []string{"....", "...."}},
		{"corners touch", []string{"#...", ".#..", "..#."}, .9, []string{"#...", ".#..", "..#."}},
		{"island goes", []string{"###.#", "###..", "....#"}, .5, []string{"###..", "###..", "....."}},
		{"big island stays", []string{"###.#", "###.#", "....#"}, .5, []string{"###.#", "###.#", "....#"}},
		{"equal parts, first stays", []string{"##.##"}, 1.1, []string{"##..."}},
		{"share 1 keeps equals", []string{"##.##.#"}, 1, []string{"##.##.."}},
		{"U is one", []string{"#.#", "#.#", "###"}, 1.1, []string{"#.#", "#.#", "###"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := fromRows(c.rows)
			m.DropIslands(c.share)
			check(t, "kept", m, toNaive(fromRows(c.want)))
		})
	}
}

// fromRows draws a mask with # for set cells on a grid of its size.
func fromRows(rows []string) *mask.Mask {
	g := mask.FrameGrid(len(rows[0]), len(rows))
	m := mask.New(g, g.Bounds())
	for y, row := range rows {
		for x, c := range row {
			if c == '#' {
				m.Set(x, y)
			}
		}
	}
	return m
}
