// Package clip embeds picture regions and texts into one space, so that a cosine tells how
// well a text names a region.
//
// [Model] runs a pair of networks with CLIP's contract (image and text encoder) and is both
// a pipeline.ImageEncoder and a pipeline.TextEncoder. Without files it runs the embedded
// pair, a small dual encoder of ours that knows the words of [Vocabulary] and answers
// other texts with a *pipeline.UnknownTextError; with files it runs any export of CLIP,
// MobileCLIP or SigLIP shape, reading the sizes from the model.
//
// The parts stand alone too: [Tokenizer] is OpenAI's byte-pair encoding, [Preprocessor] is
// PIL's antialiased bicubic resize and centre crop, [Search] is the nearest class by cosine.
//
//	m := &clip.Model{}
//	if err := m.Initialize(); err != nil { ... }
//	defer m.Close()
//	texts, err := m.EncodeTexts(ctx, []string{"person", "car"})
//	regions, err := m.EncodeRegions(ctx, frame, []pipeline.Region{{Box: s.Box, Mask: s.Mask}})
//	best, _, cosines := clip.Search(regions[0], texts, nil)
//
// The package keeps no embedding of regions: who follows an object keeps the object's. It
// does not decide what a cosine means; [Threshold] and [Margin] are the measured defaults
// of the embedded pair. Tokens of other vocabularies (SigLIP's SentencePiece) are not made
// here: such a text encoder is refused at Initialize.
package clip
