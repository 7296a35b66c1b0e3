; The player of an NSF file that `nsf::write` makes: it reads the packed register writes and sends them to the chip.
;
; Symbols from outside: exact, ntsc, banked, held (0 or 1); ticks, ticks_part (what a call of play lasts, in 1/44,100 s and
; 1/256 of them); margin (ticks at the end of a call that are left alone); table_size (bytes of the table of waits);
; songs (how many a file of several has, else 0), starts_size (bytes of their table: the low bytes of where each begins,
; the high bytes, the banks, and then the banks that it shows in each of the last four slots).
;
; Codes of the stream:
;   00-17 vv        write vv to $4000 + code
;   18 nn ll hh bb  the next nn codes stand at hhll (bank bb, where there are banks); then go on here
;   19 ll hh bb     go on at hhll
;   1a ss bb        show bank bb in the 4 KiB from $8000 + ss * $1000
;   20-7f           wait as long as entry code - $20 of the table says, in ticks
;   80-ff ll        wait (code & $7f) * 256 + ll ticks

pointer = $00       ; the next code
due     = $02       ; ticks until it is to be obeyed, negative if it is late
rest    = $04       ; ticks that are left of this call
part    = $06       ; 1/256 ticks that are left over from the calls so far
writes  = $07       ; writes since the last wait
phrase  = $08       ; codes that are still to come from elsewhere
back    = $09       ; where to go on after them
bank    = $0b       ; the bank at $9000
home    = $0c       ; the bank to go on in
aim     = $0d       ; where to go
cost    = $0f

init:
        sei
        cld
.if songs
        tax
.endif
        lda #0
        sta $4015       ; all silent, as when the console is switched on
        sta part
        sta writes
        sta phrase
.if exact
        sta due
        sta due+1
.else
        lda #<ticks/2   ; so that times are rounded to the nearest call, not down
        sta due
        lda #>ticks/2
        sta due+1
.endif
.if held
        lda #$ff        ; the triangle's linear counter, which five steps clock at once: else the first note would wait
        sta $4008       ; for the next quarter of a frame
        sta $400b
        lda #$c0
        sta $4017
.endif
        lda #$40
        sta $4017
.if songs
        lda starts,x
        sta pointer
        lda starts+songs,x
        sta pointer+1
        lda starts+songs+songs,x
        sta bank
        sta $5ff9
        lda samples,x
        sta $5ffc
        lda samples+songs,x
        sta $5ffd
        lda samples+songs+songs,x
        sta $5ffe
        lda samples+songs+songs+songs,x
        sta $5fff
.else
        lda #<stream
        sta pointer
        lda #>stream
        sta pointer+1
.if banked
        lda #1
        sta bank
        sta $5ff9
.endif
.endif
                        ; the first call of play is due when this frame is over: what comes before it comes now

play:
        clc
        lda part
        adc #ticks_part
        sta part
        lda #<ticks
        adc #0
        sta rest
        lda #>ticks
        adc #0
        sta rest+1

; Is the next code due in this call? If so, wait for it.
check:
        lda due+1
        bmi late
        sec
        lda due
        sbc rest
        tax
        lda due+1
        sbc rest+1      ; A, X: due - rest
        bpl leave
        cmp #$ff
        bne soon
        cpx #256-margin
        bcs leave
soon:
        tay
        txa
        eor #$ff
        clc
        adc #1
        sta rest
        tya
        eor #$ff
        adc #0
        sta rest+1      ; rest - due
.if exact
delay:                  ; 41 cycles a tick (of 40.6), PAL 38 (of 37.7)
        lda due
        bne tick
        lda due+1
        beq code
        dec due+1
tick:
        dec due
        jsr nothing
        jsr nothing
.if ntsc
        bit due
.endif
        jmp delay
.else
        lda #0
        sta due
        sta due+1
        beq code
.endif

late:
        lda rest+1
        bmi enough
        bne code
        lda rest
        cmp #margin
        bcs code
enough:
        sec
        lda due
        sbc rest
        tax
        lda due+1
        sbc rest+1
leave:
        stx due
        sta due+1       ; counted from the next call on
nothing:
        rts

code:
        ldy #0          ; and 0 it stays
next:
        lda (pointer),y
        inc pointer
        bne known
        jsr page
known:
        cmp #$18
        bcs other
        tax
        lda (pointer),y
        inc pointer
        bne value
        jsr page
value:
        sta $4000,x
        inc writes
        ldx phrase
        beq next
        dec phrase
        bne next
        jsr return
        jmp next

other:
        cmp #$20
        bcs wait
        inc writes      ; these codes take the time of some three writes
        inc writes
        inc writes
        cmp #$19
        beq jump
.if banked
        bcs show
.endif
        jsr byte
        sta phrase
        jsr address
        lda pointer
        sta back
        lda pointer+1
        sta back+1
.if banked
        ldx bank
        stx home
.endif
        jmp go
jump:
        jsr address
go:
        lda aim
        sta pointer
        lda aim+1
        sta pointer+1
.if banked
        lda aim+2
        sta bank
        sta $5ff9
.endif
        jmp next
.if banked
show:
        jsr byte
        tax
        jsr byte
        sta $5ff8,x
        jmp next
.endif

wait:
        tax
        bmi long
        asl
        tax
        lda waits-$3f,x
        pha
        lda waits-$40,x
        jmp add
long:
        and #$7f
        pha
        jsr byte
add:
        clc
        adc due
        sta due
        pla
        adc due+1
        sta due+1
.if exact
        lda writes      ; a write takes 1 1/4 ticks, a wait 4
        lsr
        lsr
        clc
        adc #4
        adc writes
        sta cost
        sec
        lda due
        sbc cost
        sta due
        bcs paid
        dec due+1
paid:
        sec
        lda rest
        sbc cost
        sta rest
        bcs counted
        dec rest+1
counted:
.endif
        lda #0
        sta writes
        ldx phrase
        beq done
        dec phrase
        bne done
        jsr return
done:
        jmp check

; The next byte of the stream in A.
byte:
        lda (pointer),y
        inc pointer
        bne same
; The pointer has reached another page. A and X stay.
page:
        inc pointer+1
.if banked
        pha
        lda pointer+1
        cmp #$a0
        bne shown
        lda #$90
        sta pointer+1
        inc bank
        lda bank
        sta $5ff9
shown:
        pla
.endif
same:
        rts

; A place in the stream.
address:
        jsr byte
        sta aim
        jsr byte
        sta aim+1
.if banked
        jsr byte
        sta aim+2
.endif
        rts

; A phrase is over.
return:
        lda back
        sta pointer
        lda back+1
        sta pointer+1
.if banked
        lda home
        sta bank
        sta $5ff9
.endif
        rts

waits:
starts = waits+table_size
samples = starts+songs+songs+songs
stream = starts+starts_size
